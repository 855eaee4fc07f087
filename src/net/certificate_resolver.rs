//! Which certificate a client gets: one for the name that it asks for (SNI, RFC 6066, section 3),
//! otherwise the first one.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;

/// The certificates of a listener. They can be replaced while handshakes go on.
#[derive(Debug)]
pub(super) struct CertificateResolver(ArcSwap<ByName>);

/// Certificates by the names that they are for.
#[derive(Debug, Default)]
struct ByName {
    /// In the order of the settings.
    all: Vec<Arc<CertifiedKey>>,
    /// Where those are that are for exactly this name, in lower case.
    exact: HashMap<String, Vec<usize>>,
    /// Where those are that are for any label before this name.
    below: HashMap<String, Vec<usize>>,
}

impl CertificateResolver {
    pub(super) fn new(certificates: Vec<Arc<CertifiedKey>>) -> Self {
        Self(ArcSwap::from_pointee(ByName::new(certificates)))
    }

    /// Uses these certificates for handshakes that begin from now on.
    pub(super) fn replace(&self, certificates: Vec<Arc<CertifiedKey>>) {
        self.0.store(Arc::new(ByName::new(certificates)));
    }

    /// The certificates in the order of the settings.
    pub(super) fn all(&self) -> Vec<Arc<CertifiedKey>> {
        self.0.load().all.clone()
    }
}

impl ResolvesServerCert for CertificateResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let is_usable = |key: &CertifiedKey| key.key.choose_scheme(schemes).is_some();
        self.0.load().choose(hello.server_name(), is_usable)
    }
}

impl ByName {
    fn new(all: Vec<Arc<CertifiedKey>>) -> Self {
        let (mut exact, mut below) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for (index, certified) in all.iter().enumerate() {
            let Some(Ok(leaf)) = certified.cert.first().map(EndEntityCert::try_from) else {
                continue;
            };
            for name in leaf.valid_dns_names() {
                let name = name.to_ascii_lowercase();
                match name.strip_prefix("*.") {
                    Some(parent) => below.entry(parent.to_owned()).or_default().push(index),
                    None => exact.entry(name).or_default().push(index),
                }
            }
        }
        Self { all, exact, below }
    }

    /// The first certificate for the name whose key the client accepts: one for exactly this name
    /// before one for any label there. The first of all certificates if no certificate is for the
    /// name, or the client asks for no name.
    fn choose(
        &self,
        name: Option<&str>,
        is_usable: impl Fn(&CertifiedKey) -> bool,
    ) -> Option<Arc<CertifiedKey>> {
        let name = name.map(str::to_ascii_lowercase).unwrap_or_default();
        let parent = name.split_once('.').map(|(_, parent)| parent).unwrap_or_default();
        let named: Vec<_> = [self.exact.get(&name), self.below.get(parent)]
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|index| self.all.get(*index))
            .collect();
        let usable = named.iter().copied().find(|certified| is_usable(certified));
        usable.or_else(|| named.first().copied()).or_else(|| self.all.first()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rustls::crypto::ring;
    use rustls::pki_types::PrivateKeyDer;

    use super::*;

    fn certified(names: &[&str]) -> Arc<CertifiedKey> {
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let chain = vec![certificate.der().clone()];
        Arc::new(CertifiedKey::from_der(chain, key, &ring::default_provider()).unwrap())
    }

    #[test]
    fn certificate_is_chosen_by_name() {
        let all = vec![
            certified(&["portal.example", "192.0.2.1"]),
            certified(&["*.portal.example"]),
            certified(&["Acme.portal.example"]),
        ];
        let resolver = ByName::new(all.clone());
        for (name, expected) in [
            (Some("portal.example"), 0),
            (Some("other.portal.example"), 1),
            (Some("OTHER.Portal.Example"), 1),
            (Some("acme.portal.example"), 2),
            // A wildcard stands for one label (RFC 6125, section 6.4.3).
            (Some("a.b.portal.example"), 0),
            (Some("unknown.example"), 0),
            (Some("example"), 0),
            (Some(""), 0),
            (None, 0),
        ] {
            let chosen = resolver.choose(name, |_| true).unwrap();
            assert!(Arc::ptr_eq(&chosen, &all[expected]), "{name:?}");
        }
    }

    #[test]
    fn certificate_whose_key_the_client_knows_is_chosen() {
        let all =
            vec![certified(&["a.example"]), certified(&["a.example"]), certified(&["b.example"])];
        let resolver = ByName::new(all.clone());
        let choose = |usable: usize| {
            let chosen = resolver
                .choose(Some("a.example"), |key| std::ptr::eq(key, Arc::as_ptr(&all[usable])));
            all.iter().position(|one| Arc::ptr_eq(one, chosen.as_ref().unwrap())).unwrap()
        };
        // No key of another name is used instead.
        assert_eq!([choose(0), choose(1), choose(2)], [0, 1, 0]);
    }
}
