//! The records of an account, and the samples with which each account starts.

/// The status of an estimate that has not been decided.
pub(super) const OPEN: &str = "open";
/// The longest list; the oldest record is dropped.
const KEPT: usize = 500;

/// The records of an organization.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) tickets: Vec<Ticket>,
    pub(super) invoices: Vec<Invoice>,
    pub(super) estimates: Vec<Estimate>,
    pub(super) payments: Vec<Payment>,
    pub(super) payment_methods: Vec<Named>,
    pub(super) contracts: Vec<Contract>,
    pub(super) assets: Vec<Asset>,
    pub(super) appointments: Vec<Appointment>,
    pub(super) contacts: Vec<Contact>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) profiles: Vec<Profile>,
    last_number: u32,
}

/// A request for help.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) number: u32,
    pub(super) subject: String,
    pub(super) requester: String,
    pub(super) status: &'static str,
    pub(super) comments: Vec<Comment>,
}

/// A comment on a ticket.
#[derive(Clone, Debug)]
pub(super) struct Comment {
    pub(super) author: String,
    pub(super) text: String,
}

/// An invoice; `paid_by` is set once it is paid.
#[derive(Clone, Debug)]
pub(super) struct Invoice {
    pub(super) number: u32,
    pub(super) date: &'static str,
    pub(super) subject: &'static str,
    pub(super) cents: u64,
    pub(super) paid_by: Option<String>,
}

/// An estimate, open or decided.
#[derive(Clone, Debug)]
pub(super) struct Estimate {
    pub(super) number: u32,
    pub(super) subject: &'static str,
    pub(super) cents: u64,
    pub(super) status: &'static str,
}

/// A payment.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) number: u32,
    pub(super) invoice: u32,
    pub(super) cents: u64,
    pub(super) payer: String,
}

/// A record with only a name, such as a payment method.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) number: u32,
    pub(super) name: String,
}

/// A contract.
#[derive(Clone, Debug)]
pub(super) struct Contract {
    pub(super) name: &'static str,
    pub(super) since: &'static str,
    pub(super) cents_a_month: u64,
}

/// A device.
#[derive(Clone, Debug)]
pub(super) struct Asset {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) user: String,
    pub(super) scripts_run: Vec<String>,
}

/// A requested visit.
#[derive(Clone, Debug)]
pub(super) struct Appointment {
    pub(super) day: String,
    pub(super) subject: String,
    pub(super) person: String,
}

/// A contact at the organization.
#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) email: String,
}

/// An uploaded file. The content of a large one is not kept.
#[derive(Clone, Debug)]
pub(super) struct Attachment {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) media_type: String,
    pub(super) size: u64,
    pub(super) sha256: String,
    pub(super) content: Option<bytes::Bytes>,
}

/// The profile of a person.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) person: String,
    pub(super) display_name: String,
    pub(super) telephone: String,
}

impl Account {
    /// The sample records of an organization.
    pub(super) fn sample(organization: &str) -> Self {
        let mut account = Self {
            invoices: sample_invoices(),
            estimates: vec![
                Estimate { number: 1, subject: "New firewall", cents: 184_000, status: OPEN },
                Estimate { number: 2, subject: "Office move", cents: 96_500, status: OPEN },
                Estimate { number: 3, subject: "More storage", cents: 22_000, status: "approved" },
            ],
            payment_methods: vec![Named { number: 1, name: "Bank transfer".to_owned() }],
            contracts: vec![
                Contract { name: "Managed desktop", since: "2021-03-01", cents_a_month: 48_000 },
                Contract { name: "Backup, off site", since: "2023-09-15", cents_a_month: 12_500 },
            ],
            last_number: 100,
            ..Self::default()
        };
        account.payments = account
            .invoices
            .iter()
            .filter(|invoice| invoice.paid_by.is_some())
            .map(|invoice| Payment {
                number: invoice.number,
                invoice: invoice.number,
                cents: invoice.cents,
                payer: "accounts".to_owned(),
            })
            .collect();
        for (name, subject) in [
            ("Ada Lind", "The printer on the second floor prints mirrored pages"),
            ("Ben Okafor", "Mail to our supplier bounces"),
            ("Chloé Durand", "New colleague on Monday: laptop, badge, accounts"),
        ] {
            let (number, email) = (account.next_number(), sample_email(name, organization));
            account.contacts.push(Contact { number, name: name.to_owned(), email });
            let text = "It started this week. Please have a look.";
            account.add_ticket((name, name), subject, text);
            account.add_asset(format!("Desktop of {name}"), name);
        }
        account.add_asset("File server".to_owned(), "everyone");
        account
    }

    /// Gives a person a device and a ticket at their first visit, so that *mine* is never empty and
    /// never the same as *all*.
    pub(super) fn welcome(&mut self, person: &str, name: &str) {
        if self.profiles.iter().any(|profile| profile.person == person) {
            return;
        }
        push(
            &mut self.profiles,
            Profile {
                person: person.to_owned(),
                display_name: name.to_owned(),
                telephone: String::new(),
            },
        );
        let text = "It is on my desk, still in its box.";
        self.add_ticket((person, name), "Set up my laptop", text);
        self.add_asset(format!("Laptop of {name}"), person);
    }

    /// The name of a person: the one in their profile, if they have one.
    pub(super) fn name_of(&self, person: &str) -> String {
        let known = self.profiles.iter().find(|profile| profile.person == person);
        known.map_or(person, |profile| &profile.display_name).to_owned()
    }

    /// Adds a ticket of a person, given by id and name, and returns its number.
    pub(super) fn add_ticket(
        &mut self,
        (requester, name): (&str, &str),
        subject: &str,
        text: &str,
    ) -> u32 {
        let number = self.next_number();
        let comments = vec![Comment { author: name.to_owned(), text: text.to_owned() }];
        let (subject, requester) = (subject.to_owned(), requester.to_owned());
        push(&mut self.tickets, Ticket { number, subject, requester, status: "open", comments });
        number
    }

    /// Pays an invoice unless it is paid. `None` when there is no such invoice.
    pub(super) fn pay(&mut self, number: u32, payer: &str) -> Option<()> {
        let invoice = self.invoices.iter_mut().find(|invoice| invoice.number == number)?;
        if invoice.paid_by.is_none() {
            invoice.paid_by = Some(payer.to_owned());
            let (cents, payer) = (invoice.cents, payer.to_owned());
            let payment = Payment { number: self.next_number(), invoice: number, cents, payer };
            push(&mut self.payments, payment);
        }
        Some(())
    }

    /// Decides an open estimate. `None` when it does not exist; its status when it was decided before.
    pub(super) fn decide(
        &mut self,
        number: u32,
        decision: &'static str,
    ) -> Option<Result<(), &'static str>> {
        let estimate = self.estimates.iter_mut().find(|estimate| estimate.number == number)?;
        if estimate.status != OPEN {
            return Some(Err(estimate.status));
        }
        estimate.status = decision;
        Some(Ok(()))
    }

    /// An unused number.
    pub(super) fn next_number(&mut self) -> u32 {
        self.last_number += 1;
        self.last_number
    }

    fn add_asset(&mut self, name: String, user: &str) {
        let number = self.next_number();
        let asset = Asset { number, name, user: user.to_owned(), scripts_run: Vec::new() };
        push(&mut self.assets, asset);
    }
}

/// Appends a record, and drops the oldest one of a full list.
pub(super) fn push<T>(list: &mut Vec<T>, record: T) {
    if list.len() >= KEPT {
        list.remove(0);
    }
    list.push(record);
}

fn sample_invoices() -> Vec<Invoice> {
    [
        (1, "2026-03-31", "Managed desktop, March", 48_000, true),
        (2, "2026-04-30", "Managed desktop, April", 48_000, true),
        (3, "2026-05-31", "Managed desktop, May", 48_000, true),
        (4, "2026-06-12", "Replacement of two displays", 61_840, true),
        (5, "2026-06-30", "Managed desktop, June", 48_000, true),
        (6, "2026-07-31", "Managed desktop, July", 48_000, false),
        (7, "2026-08-07", "Office move, first part", 124_050, false),
        (8, "2026-08-31", "Managed desktop, August", 48_000, false),
    ]
    .into_iter()
    .map(|(number, date, subject, cents, paid)| Invoice {
        number,
        date,
        subject,
        cents,
        paid_by: paid.then(|| "accounts".to_owned()),
    })
    .collect()
}

fn sample_email(name: &str, organization: &str) -> String {
    let first = name.split(' ').next().unwrap_or(name).to_lowercase().replace('é', "e");
    let host = if organization.is_empty() { "nowhere" } else { organization };
    format!("{first}@{host}.example")
}
