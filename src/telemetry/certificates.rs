//! What is told of the certificates that listeners show.

use prometheus::{IntCounterVec, IntGaugeVec};

use super::metrics::Metrics;
use crate::domain::time::Millis;

/// The metrics of all certificates.
#[derive(Clone, Debug)]
pub struct CertificateMetrics {
    ends: IntGaugeVec,
    refused: IntGaugeVec,
    reads: IntCounterVec,
}

impl CertificateMetrics {
    pub(super) fn new(m: &Metrics) -> Self {
        let labels = ["listener", "certificate"];
        Self {
            ends: m.gauges(
                "vestibule_certificate_expiry_seconds",
                "When the certificate that is shown ends, in seconds since 1970.",
                &labels,
            ),
            refused: m.gauges(
                "vestibule_certificate_refused",
                "Whether a certificate's files hold what cannot be shown, so that the old one is.",
                &labels,
            ),
            reads: m.counts(
                "vestibule_certificate_reads_total",
                "Changed files of certificates that were read, by what became of them.",
                &["listener", "certificate", "outcome"],
            ),
        }
    }

    /// A certificate is shown.
    pub fn shows(&self, listener: &str, certificate: &str, ends: Millis) {
        let labels = [listener, certificate];
        self.ends.with_label_values(&labels).set(ends.as_secs());
        self.refused.with_label_values(&labels).set(0);
    }

    /// A changed certificate is shown from now on.
    pub fn swapped(&self, listener: &str, certificate: &str, ends: Millis) {
        self.shows(listener, certificate, ends);
        self.read(listener, certificate, "swapped");
    }

    /// A changed certificate cannot be shown.
    pub fn refused(&self, listener: &str, certificate: &str) {
        let labels = [listener, certificate];
        self.refused.with_label_values(&labels).set(1);
        self.read(listener, certificate, "refused");
    }

    fn read(&self, listener: &str, certificate: &str, outcome: &str) {
        let labels = [listener, certificate, outcome];
        self.reads.with_label_values(&labels).inc();
    }
}
