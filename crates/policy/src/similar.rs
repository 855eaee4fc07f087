//! What a name that does not exist may have been meant to be.

use strsim::damerau_levenshtein;

/// The maximum number of edits between similar names.
const MAX_DISTANCE: usize = 2;

/// Whether one name may be a misspelling of another: at most two edits apart, and at most one edit
/// for each three letters. Case is ignored.
#[must_use]
pub fn is_similar(given: &str, known: &str) -> bool {
    distance(given, known).is_some()
}

/// `; did you mean …?` with the most similar of the known names, to follow a message about the given
/// one. Empty if none is similar.
#[must_use]
pub fn did_you_mean<'n>(given: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let similar = known.into_iter().filter_map(|name| Some((distance(given, name)?, name)));
    match similar.min_by_key(|(distance, _)| *distance) {
        Some((_, name)) => format!("; did you mean `{name}`?"),
        None => String::new(),
    }
}

fn distance(given: &str, known: &str) -> Option<usize> {
    let (given, known) = (given.to_lowercase(), known.to_lowercase());
    let most = MAX_DISTANCE.min(given.chars().count().max(3) / 3);
    Some(damerau_levenshtein(&given, &known)).filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_name_is_proposed_if_there_is_one() {
        let known = ["tickets.view_all", "tickets.view", "invoices.pay", "pay"];
        for (given, expected) in [
            ("tickets.veiw", "; did you mean `tickets.view`?"),
            ("Tickets-View", "; did you mean `tickets.view`?"),
            ("invoice.pay", "; did you mean `invoices.pay`?"),
            ("pays", "; did you mean `pay`?"),
            ("ray", "; did you mean `pay`?"),
            ("fly", ""),
            ("assets.view", ""),
            ("", ""),
        ] {
            assert_eq!(did_you_mean(given, known), expected, "{given}");
        }
    }
}
