//! HTTPS for the page: a certificate from files, or one that the archive makes for itself.

use parlor_node::private;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use sha2::{Digest as _, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    error::StartError,
    folder::{CERT_FILE, CERT_KEY_FILE as KEY_FILE},
};

/// How long such a certificate is good for, in days: browsers take none that lasts longer than 825.
const VALID_DAYS: i64 = 800;
/// After this age, in days, a start makes a new one.
const RENEWED_AFTER_DAYS: u64 = 730;

/// Whether the page has TLS, and with which certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// None: http.
    #[default]
    Off,
    /// From two PEM files: the certificate with its chain, and its key.
    Files {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// Made by the archive and kept in its data folder.
    SelfSigned,
}

/// TLS that is ready to be used.
pub(super) struct Ready {
    pub(super) acceptor: TlsAcceptor,
    /// SHA-256 of the certificate, as browsers show it.
    pub(super) fingerprint: String,
}

/// Reads the certificate, or makes it.
///
/// # Errors
/// [`StartError::Tls`] when a file cannot be read, holds something else, or key and certificate do not
/// belong together.
pub(super) fn prepare(tls: &Tls, dir: &Path, hosts: &[String]) -> Result<Option<Ready>, StartError> {
    let (cert, key) = match tls {
        Tls::Off => return Ok(None),
        Tls::Files { cert, key } => (cert.clone(), key.clone()),
        Tls::SelfSigned => own(dir, hosts)?,
    };
    let bad = |file: &Path, reason: String| StartError::Tls { file: file.to_owned(), reason };
    let chain = CertificateDer::pem_file_iter(&cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| bad(&cert, error.to_string()))?;
    let first = chain.first().ok_or_else(|| bad(&cert, "there is no certificate in it".to_owned()))?;
    let fingerprint = fingerprint(first);
    let secret = PrivateKeyDer::from_pem_file(&key).map_err(|error| bad(&key, error.to_string()))?;
    // Named, because other libraries in this program bring other ones along.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&cert, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| bad(&cert, format!("it does not go with {}: {error}", key.display())))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Ready { acceptor: TlsAcceptor::from(Arc::new(config)), fingerprint }))
}

/// SHA-256 of a certificate: 32 pairs of digits with colons between them.
fn fingerprint(cert: &CertificateDer<'_>) -> String {
    Sha256::digest(cert.as_ref()).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// The archive's own certificate. It stays the same as long as it may, so that browsers which were told
/// to trust it go on doing so.
fn own(dir: &Path, hosts: &[String]) -> Result<(PathBuf, PathBuf), StartError> {
    let (cert, key) = (dir.join(CERT_FILE), dir.join(KEY_FILE));
    let is_whole = CertificateDer::from_pem_file(&cert).is_ok() && PrivateKeyDer::from_pem_file(&key).is_ok();
    let age = fs::metadata(&cert).and_then(|meta| meta.modified()).ok().and_then(|made| made.elapsed().ok());
    let is_good = age.is_some_and(|age| age < Duration::from_secs(RENEWED_AFTER_DAYS * 24 * 60 * 60));
    if is_good && is_whole {
        return Ok((cert, key));
    }
    let bad = |reason: String| StartError::Tls { file: cert.clone(), reason };
    let pair = KeyPair::generate().map_err(|error| bad(error.to_string()))?;
    let mut params = CertificateParams::new(hosts.to_vec()).map_err(|error| bad(error.to_string()))?;
    params.distinguished_name.push(DnType::CommonName, "Parlor archive");
    let now = time::OffsetDateTime::now_utc();
    // A clock that is a day behind elsewhere is no reason to refuse.
    (params.not_before, params.not_after) = (now - time::Duration::days(1), now + time::Duration::days(VALID_DAYS));
    let made = params.self_signed(&pair).map_err(|error| bad(error.to_string()))?;
    private::write(&key, zeroize::Zeroizing::new(pair.serialize_pem()).as_bytes())
        .and_then(|()| private::write(&cert, made.pem().as_bytes()))
        .map_err(|error| bad(error.to_string()))?;
    Ok((cert, key))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_own_certificate_stays_the_same_and_its_key_is_for_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = ["localhost".to_owned(), "192.168.7.9".to_owned()];
        let first = prepare(&Tls::SelfSigned, dir.path(), &hosts).unwrap().unwrap().fingerprint;
        let second = prepare(&Tls::SelfSigned, dir.path(), &[]).unwrap().unwrap().fingerprint;
        assert_eq!(first, second);
        assert_eq!(first.split(':').count(), 32);
        // What a power cut left behind is made anew.
        fs::write(dir.path().join(CERT_FILE), "").unwrap();
        assert_ne!(prepare(&Tls::SelfSigned, dir.path(), &[]).unwrap().unwrap().fingerprint, first);
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(
                &fs::metadata(dir.path().join(KEY_FILE)).unwrap().permissions(),
            );
            assert_eq!(mode & 0o077, 0);
        }
    }

    #[test]
    fn files_that_are_no_certificate_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let (cert, key) = (dir.path().join("a.crt"), dir.path().join("a.key"));
        let files = Tls::Files { cert: cert.clone(), key: key.clone() };
        let error = |tls: &Tls| prepare(tls, dir.path(), &[]).err().unwrap().to_string();
        assert!(error(&files).contains("a.crt"));
        fs::write(&cert, "nothing").unwrap();
        assert!(error(&files).contains("no certificate"));
        prepare(&Tls::SelfSigned, dir.path(), &[]).unwrap();
        let other = tempfile::tempdir().unwrap();
        prepare(&Tls::SelfSigned, other.path(), &[]).unwrap();
        let mixed = Tls::Files { cert: dir.path().join(CERT_FILE), key: other.path().join(KEY_FILE) };
        let said = error(&mixed);
        assert!(said.contains("does not go with") && said.contains("--tls-cert"), "{said}");
    }
}
