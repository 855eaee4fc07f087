//! The values of all metrics at one time, and their text.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::families::{ALL, Family, Kind};
use super::histogram::{Distribution, seconds};

/// What values are read from when the metrics are.
pub trait Source: Send + Sync {
    /// Adds its values.
    fn collect(&self, samples: &mut Samples);
}

/// The values of all metrics at one time.
#[derive(Debug, Default)]
pub struct Samples(BTreeMap<&'static str, Vec<Sample>>);

#[derive(Debug)]
struct Sample {
    labels: Vec<(&'static str, String)>,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Count(u64),
    Number(f64),
    Durations(Distribution),
}

impl Samples {
    /// Adds a number of events.
    pub fn count(&mut self, family: &'static Family, labels: &[&str], count: u64) {
        self.add(family, labels, Value::Count(count));
    }

    /// Adds any other number.
    pub fn number(&mut self, family: &'static Family, labels: &[&str], number: f64) {
        self.add(family, labels, Value::Number(number));
    }

    /// Adds how many there are of something.
    pub fn size(&mut self, family: &'static Family, labels: &[&str], size: usize) {
        self.count(family, labels, u64::try_from(size).unwrap_or(u64::MAX));
    }

    /// Adds 1 or 0.
    pub fn flag(&mut self, family: &'static Family, labels: &[&str], is_set: bool) {
        self.count(family, labels, u64::from(is_set));
    }

    /// Adds a time, in seconds since 1970.
    pub fn time(&mut self, family: &'static Family, labels: &[&str], at: Timestamp) {
        self.number(family, labels, at.as_duration().as_secs_f64());
    }

    /// Adds a duration, in seconds.
    pub fn micros(&mut self, family: &'static Family, labels: &[&str], micros: u64) {
        self.number(family, labels, seconds(micros));
    }

    pub(super) fn durations(&mut self, family: &'static Family, durations: Distribution) {
        self.add(family, &[], Value::Durations(durations));
    }

    fn add(&mut self, family: &'static Family, labels: &[&str], value: Value) {
        let labels =
            family.labels.iter().copied().zip(labels.iter().map(|label| (*label).to_owned()));
        let sample = Sample { labels: labels.collect(), value };
        self.0.entry(family.name).or_default().push(sample);
    }

    /// The text in the format of OpenMetrics 1.0. Metrics without a value have their type and
    /// meaning only.
    #[must_use]
    pub fn text(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Collector(self)));
        let mut written = String::new();
        // Writing to memory cannot fail.
        let _ = text::encode(&mut written, &registry);
        written
    }
}

/// The media type of [`Samples::text`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug)]
struct Collector(Samples);

impl prometheus_client::collector::Collector for Collector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in ALL {
            let kind = match family.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            // The suffix is added to each value of a counter.
            let name = family.name.strip_suffix("_total").unwrap_or(family.name);
            let mut metric = encoder.encode_descriptor(name, family.help, None, kind)?;
            for sample in self.0.0.get(family.name).into_iter().flatten() {
                if sample.labels.is_empty() {
                    sample.value.encode(family.kind, &mut metric)?;
                } else {
                    let mut labelled = metric.encode_family(&sample.labels)?;
                    sample.value.encode(family.kind, &mut labelled)?;
                }
            }
        }
        Ok(())
    }
}

impl Value {
    fn encode(&self, kind: Kind, metric: &mut MetricEncoder<'_>) -> fmt::Result {
        match (self, kind) {
            (Self::Count(count), Kind::Counter) => {
                metric.encode_counter::<NoLabelSet, _, u64>(count, None)
            }
            (Self::Number(number), Kind::Counter) => {
                metric.encode_counter::<NoLabelSet, _, f64>(number, None)
            }
            (Self::Count(count), _) => metric.encode_gauge(count),
            (Self::Number(number), _) => metric.encode_gauge(number),
            (Self::Durations(all), _) => {
                metric.encode_histogram::<NoLabelSet>(all.sum(), all.total(), &all.buckets(), None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::families;
    use super::*;

    #[test]
    fn text_has_types_escaped_labels_and_an_end() {
        let mut samples = Samples::default();
        samples.count(&families::REQUESTS, &["a\"b\\\n", "allow"], 3);
        samples.number(&families::STALENESS, &[], 0.25);
        samples.durations(&families::PORTAL_TIME, Distribution::default());
        let text = samples.text();
        for line in [
            "# TYPE portcullis_requests counter",
            "portcullis_requests_total{route=\"a\\\"b\\\\\\n\",decision=\"allow\"} 3",
            "# TYPE portcullis_feed_staleness_seconds gauge",
            "portcullis_feed_staleness_seconds 0.25",
            "portcullis_portal_seconds_bucket{le=\"+Inf\"} 0",
            "portcullis_portal_seconds_count 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
        let types = text.lines().filter(|line| line.starts_with("# TYPE ")).count();
        assert_eq!(types, ALL.len());
    }
}
