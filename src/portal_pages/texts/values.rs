//! The values that texts of the pages take.

use crate::web::text::values;

values! {
    /// Names of permissions.
    Permissions(permissions);
    /// A section of the portal.
    Section(section, section_in_lower_case);
    /// An organization's name.
    Organization(organization);
    /// An organization's name, and the operator's business name.
    OrganizationAndOperator(organization, operator);
    /// A portal user's login.
    Login(login);
    /// The operator's business name, and a portal user's login.
    OperatorAndLogin(operator, login);
    /// The operator's business name, and the reason that the operator gives.
    OperatorAndReason(operator, reason);
    /// A date.
    Date(date);
    /// The name of a token.
    Name(name);
    /// A browser's name.
    Browser(browser);
    /// A browser's name, and that of its operating system.
    BrowserAndSystem(browser, system);
    /// A network address, and a time relative to now.
    AddressAndMoment(address, when);
    /// The login of the visitor, and the organization of the link.
    LoginAndOrganization(login, organization);
    /// The login of the visitor, that of another portal user, and the organization of that user.
    LoginAndUser(login, user, organization);
}
