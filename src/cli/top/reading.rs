//! The gateway's metrics at one time, read from their text (OpenMetrics 1.0).

use std::collections::BTreeMap;

/// The values of all metrics.
#[derive(Debug, Default)]
pub(super) struct Reading(Vec<Sample>);

#[derive(Debug, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Reading {
    /// Reads the text. What is not a sample is left out.
    pub(super) fn of(text: &str) -> Self {
        Self(text.lines().filter_map(sample).collect())
    }

    /// The sum of the values with these labels, whatever others they have.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |sample: &&Sample| {
            sample.name == name && labels.iter().all(|(label, value)| sample.label(label) == *value)
        };
        self.0.iter().filter(has).map(|sample| sample.value).sum()
    }

    /// The values by a label, summed over the others.
    pub(super) fn by<'a>(&'a self, name: &str, label: &str) -> BTreeMap<&'a str, f64> {
        let mut values = BTreeMap::new();
        for sample in self.0.iter().filter(|sample| sample.name == name) {
            *values.entry(sample.label(label)).or_default() += sample.value;
        }
        values
    }
}

impl Sample {
    /// The value of a label; empty if the sample does not have it.
    fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// A line such as `name{label="value"} 1.5`.
fn sample(line: &str) -> Option<Sample> {
    if line.starts_with('#') {
        return None;
    }
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at_checked(end)?;
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = value.trim().split(' ').next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// The labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => match chars.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.insert(name.to_owned(), value);
        rest = after.get(end + 1..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP a_total Text\n# TYPE a counter\n\
        a_total{route=\"x\",decision=\"allow\"} 3\n\
        a_total{route=\"x\",decision=\"refuse\"} 2\n\
        a_total{route=\"y\\\"\\\\\\n},\",decision=\"allow\"} 4\n\
        b 0.25\nbroken{x=\"1\nb_bucket{le=\"+Inf\"} 7\n# EOF\n";

    #[test]
    fn samples_are_summed_by_their_labels() {
        let reading = Reading::of(TEXT);
        assert_eq!(reading.sum("a_total", &[]), 9.0);
        assert_eq!(reading.sum("a_total", &[("decision", "allow")]), 7.0);
        assert_eq!(reading.sum("a_total", &[("decision", "allow"), ("route", "x")]), 3.0);
        assert_eq!(reading.sum("b", &[]), 0.25);
        assert_eq!(reading.sum("b_bucket", &[("le", "+Inf")]), 7.0);
        assert_eq!(reading.sum("none", &[]), 0.0);
        let routes = reading.by("a_total", "route");
        assert_eq!(routes, BTreeMap::from([("x", 5.0), ("y\"\\\n},", 4.0)]));
    }
}
