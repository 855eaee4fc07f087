//! Texts of the page with the look of the pages for portal users.

use crate::web::text::{Phrase, Text, texts, values};

values! {
    /// A setting, the colour that it has, and the one that is used for text.
    Adjusted(key, given, used);
}

texts! {
    /// The look of the pages for portal users.
    Branding {
        title: Text,
        lead: Text,
        preview: Text,
        page: Text,
        sign_in: Text,
        code: Text,
        choose_password: Text,
        secure_link: Text,
        no_access: Text,
        language: Text,
        scheme: Text,
        light: Text,
        dark: Text,
        width: Text,
        wide: Text,
        phone: Text,
        show: Text,
        settings: Text,
        settings_hint: Text,
        setting: Text,
        value: Text,
        not_set: Text,
        name_unset: Text,
        logo_unset: Text,
        accent_unset: Text,
        accent_dark_unset: Text,
        contact_unset: Text,
        links_unset: Text,
        texts_unset: Text,
        too_light: Phrase<Adjusted>,
        too_dark: Phrase<Adjusted>,
    }
}
