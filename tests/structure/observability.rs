//! What dashboards and alert rules name exists: the metrics of `docs/metrics.md`, and their labels.
//! A unit test compares that document with the program.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::source::{files, read};

/// The names that queries may use, with the labels of each.
fn series(documented: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for row in documented.lines().filter(|line| line.starts_with("| `portcullis_")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [name, kind, labels] = [cells[1], cells[2], cells[3]].map(|cell| cell.replace('`', ""));
        let labels = labels.split(", ").filter(|label| !label.is_empty()).map(str::to_owned);
        let labels: BTreeSet<_> = labels.collect();
        if kind == "histogram" {
            let with_bound = labels.iter().cloned().chain(["le".to_owned()]).collect();
            all.insert(format!("{name}_bucket"), with_bound);
            all.insert(format!("{name}_sum"), labels.clone());
            all.insert(format!("{name}_count"), labels);
        } else {
            all.insert(name, labels);
        }
    }
    all
}

/// What a query names that does not exist: a metric, or a label in its braces.
fn unknown(query: &str, series: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in query.match_indices("portcullis_") {
        let rest = &query[at..];
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        let Some(labels) = series.get(name) else {
            found.push(name.to_owned());
            continue;
        };
        let Some(selector) = rest[name.len()..].strip_prefix('{') else { continue };
        let selector = selector.split('}').next().unwrap_or_default();
        let named = selector.split(',').filter_map(|matcher| matcher.split(['=', '!']).next());
        // Prometheus itself adds these two.
        let known = |label: &str| matches!(label, "instance" | "job") || labels.contains(label);
        let wrong = named.map(str::trim).filter(|label| !known(label));
        found.extend(wrong.map(|label| format!("{name}{{{label}}}")));
    }
    found
}

/// The queries of all panels, and of the variables.
fn queries(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "expr" || name == "query" => {
                        found.push(text.clone());
                    }
                    _ => queries(member, found),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn dashboards_and_alerts_name_metrics_that_exist() {
    let series = series(&read("docs/metrics.md"));
    assert!(series.len() > 30, "{series:?}");
    let shipped = files("config/observability");
    assert!(!shipped.is_empty());
    let mut wrong = Vec::new();
    for file in shipped {
        let text = read(&file);
        let mut all = Vec::new();
        if file.ends_with(".json") {
            queries(&serde_json::from_str(&text).unwrap(), &mut all);
        } else {
            all.push(text);
        }
        let count = all.iter().filter(|query| query.contains("portcullis_")).count();
        assert!(count > 0, "{file} has no query");
        let of_file = all.iter().flat_map(|query| unknown(query, &series));
        wrong.extend(of_file.map(|name| format!("{file}: {name}")));
    }
    assert!(wrong.is_empty(), "not in docs/metrics.md:\n{}", wrong.join("\n"));
}

#[test]
fn a_query_with_an_unknown_name_or_label_is_found() {
    let series = series("| `portcullis_a_seconds` | histogram | `of` | x |");
    for (query, expected) in [
        ("rate(portcullis_a_seconds_bucket{le=\"1\",of!=\"x\",instance=~\".\"}[5m])", ""),
        ("portcullis_a_seconds", "portcullis_a_seconds"),
        ("portcullis_a_seconds_count{le=\"1\"}", "portcullis_a_seconds_count{le}"),
        ("sum(portcullis_b_total)", "portcullis_b_total"),
    ] {
        assert_eq!(unknown(query, &series).join(" "), expected, "{query}");
    }
}
