//! Keys that sign and verify. Each is bound to one algorithm when it is made; nothing that a
//! token says can change it (RFC 8725 §3.1).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::{Value, json};
use sha2::Sha256;
use thiserror::Error;

/// Bytes of a coordinate, a private scalar or a seed of either curve.
const CURVE_BYTES: usize = 32;
/// Bytes of the shortest HMAC secret (RFC 7518 §3.2, RFC 8725 §3.5).
const SECRET_BYTES: usize = 32;
/// PKCS #8 wrappings (RFC 5958, RFC 5915, RFC 8410) up to the 32 secret bytes.
const P256_WRAPPING: [u8; 35] = [
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01,
    0x01, 0x04, 0x20,
];
const ED25519_WRAPPING: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The algorithms that this program signs with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TokenAlgorithm {
    /// HMAC with SHA-256.
    #[default]
    Hs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl TokenAlgorithm {
    /// Its registered name, the value of `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this registered name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Hs256, Self::Es256, Self::EdDsa]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }

    const fn registered(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// Why bytes are no private key of an algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PrivateKeyError {
    /// An HMAC secret below 256 bits.
    #[error("an HS256 secret has at least 32 bytes")]
    ShortSecret,
    /// Not a private scalar of P-256.
    #[error("this is no P-256 private key of 32 bytes")]
    NotP256,
    /// Not a seed of Ed25519.
    #[error("this is no Ed25519 private key of 32 bytes")]
    NotEd25519,
    /// PEM that holds no unencrypted PKCS #8 key of P-256 or Ed25519.
    #[error("the PEM text holds no PKCS #8 private key of P-256 or Ed25519")]
    Pem,
}

/// A key that signs, and the public half that verifies.
pub struct PrivateKey {
    algorithm: TokenAlgorithm,
    signing: Signing,
    public: PublicKey,
}

/// What signs.
enum Signing {
    /// HMAC that has taken its secret in already: half of the work for a text as short as a token.
    Shared(Box<Hmac<Sha256>>),
    /// The private half of a pair.
    Pair(EncodingKey),
}

impl PrivateKey {
    /// A key of its raw secret: HMAC secret, P-256 scalar or Ed25519 seed.
    pub fn from_secret(algorithm: TokenAlgorithm, secret: &[u8]) -> Result<Self, PrivateKeyError> {
        match algorithm {
            TokenAlgorithm::Hs256 if secret.len() < SECRET_BYTES => {
                Err(PrivateKeyError::ShortSecret)
            }
            TokenAlgorithm::Hs256 => Ok(Self {
                algorithm,
                signing: Signing::Shared(Box::new(
                    Hmac::new_from_slice(secret).map_err(|_| PrivateKeyError::ShortSecret)?,
                )),
                public: PublicKey {
                    algorithm: algorithm.registered(),
                    verifying: DecodingKey::from_secret(secret),
                },
            }),
            TokenAlgorithm::Es256 if secret.len() == CURVE_BYTES => {
                Self::from_p256(EncodingKey::from_ec_der(&[&P256_WRAPPING, secret].concat()))
            }
            TokenAlgorithm::Es256 => Err(PrivateKeyError::NotP256),
            TokenAlgorithm::EdDsa if secret.len() == CURVE_BYTES => Self::from_ed25519(
                EncodingKey::from_ed_der(&[&ED25519_WRAPPING, secret].concat()),
            ),
            TokenAlgorithm::EdDsa => Err(PrivateKeyError::NotEd25519),
        }
    }

    /// A key of an unencrypted PKCS #8 PEM text, P-256 or Ed25519.
    pub fn from_pem(pem: &str) -> Result<Self, PrivateKeyError> {
        if let Ok(key) = EncodingKey::from_ec_pem(pem.as_bytes()) {
            return Self::from_p256(key);
        }
        EncodingKey::from_ed_pem(pem.as_bytes())
            .map_err(|_| PrivateKeyError::Pem)
            .and_then(Self::from_ed25519)
    }

    fn from_p256(signing: EncodingKey) -> Result<Self, PrivateKeyError> {
        let algorithm = TokenAlgorithm::Es256;
        let components = DEFAULT_PROVIDER
            .key_utils
            .ec_pub_components_from_private_key;
        let (_, x, y) = components(signing.as_bytes(), algorithm.registered())
            .map_err(|_| PrivateKeyError::NotP256)?;
        let public = PublicKey::p256(&x, &y).ok_or(PrivateKeyError::NotP256)?;
        Ok(Self {
            algorithm,
            signing: Signing::Pair(signing),
            public,
        })
    }

    fn from_ed25519(signing: EncodingKey) -> Result<Self, PrivateKeyError> {
        let components = DEFAULT_PROVIDER
            .key_utils
            .ed_pub_components_from_private_key;
        let x = components(
            signing.as_bytes(),
            &jsonwebtoken::jwk::EllipticCurve::Ed25519,
        )
        .map_err(|_| PrivateKeyError::NotEd25519)?;
        let public = PublicKey::ed25519(&x).ok_or(PrivateKeyError::NotEd25519)?;
        Ok(Self {
            algorithm: TokenAlgorithm::EdDsa,
            signing: Signing::Pair(signing),
            public,
        })
    }

    /// The algorithm it signs with.
    pub fn algorithm(&self) -> TokenAlgorithm {
        self.algorithm
    }

    /// The half that verifies.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// A token: `header` and `payload` in JSON, and the signature over both.
    ///
    /// # Panics
    /// Never: a key that cannot sign was refused when it was made.
    pub fn seal(&self, header: &str, payload: &str) -> String {
        let mut token = super::signing_input(header, payload);
        let message = token.as_bytes();
        let (short, long);
        let signature: &[u8] = match &self.signing {
            Signing::Shared(hmac) => {
                let hmac = Hmac::clone(hmac).chain_update(message);
                short = hmac.finalize().into_bytes();
                &short
            }
            Signing::Pair(key) => {
                let algorithm = self.algorithm.registered();
                long = (DEFAULT_PROVIDER.signer_factory)(&algorithm, key)
                    .and_then(|signer| Ok(signer.try_sign(message)?))
                    .expect("a key that cannot sign is refused when it is made");
                &long
            }
        };
        let signature = URL_SAFE_NO_PAD.encode(signature);
        token.push('.');
        token.push_str(&signature);
        token
    }

    /// The public half as a JWK's own members (`kty`, `crv`, …); none for a shared secret.
    pub fn public_jwk(&self) -> Option<Value> {
        let bytes = self.public.verifying.try_get_as_bytes().ok()?;
        match self.algorithm {
            TokenAlgorithm::Hs256 => None,
            TokenAlgorithm::Es256 => {
                let (x, y) = bytes.get(1..)?.split_at_checked(CURVE_BYTES)?;
                let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
                Some(json!({"kty": "EC", "crv": "P-256", "x": x, "y": y}))
            }
            TokenAlgorithm::EdDsa => {
                let x = URL_SAFE_NO_PAD.encode(bytes);
                Some(json!({"kty": "OKP", "crv": "Ed25519", "x": x}))
            }
        }
    }
}

/// Never the secret.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.algorithm.name())
    }
}

/// Fresh secret bytes for an algorithm, out of `draw`'s 128-bit draws.
pub fn draw_secret(algorithm: TokenAlgorithm, draw: &mut dyn FnMut() -> u128) -> [u8; 32] {
    loop {
        let mut secret = [0; CURVE_BYTES];
        let halves = [draw().to_be_bytes(), draw().to_be_bytes()];
        for (byte, random) in secret.iter_mut().zip(halves.as_flattened()) {
            *byte = *random;
        }
        // Not every 256-bit number is a scalar of P-256: one in 2^32 draws is made again.
        if PrivateKey::from_secret(algorithm, &secret).is_ok() {
            return secret;
        }
    }
}

/// A key that verifies, with the one algorithm that it is for.
#[derive(Clone)]
pub struct PublicKey {
    algorithm: jsonwebtoken::Algorithm,
    verifying: DecodingKey,
}

impl PublicKey {
    /// A point of P-256, for ES256; none where it is not on the curve.
    pub fn p256(x: &[u8], y: &[u8]) -> Option<Self> {
        if x.len() != CURVE_BYTES || y.len() != CURVE_BYTES {
            return None;
        }
        let point = [&[4], x, y].concat();
        Self::checked(
            jsonwebtoken::Algorithm::ES256,
            DecodingKey::from_ec_der(&point),
        )
    }

    /// A point of Ed25519, for `EdDSA`; none where it is no point.
    pub fn ed25519(x: &[u8]) -> Option<Self> {
        // The library reads the first 32 bytes whatever the length.
        if x.len() != CURVE_BYTES {
            return None;
        }
        Self::checked(jsonwebtoken::Algorithm::EdDSA, DecodingKey::from_ed_der(x))
    }

    /// An RSA modulus and exponent, for RS256. Their strength is the caller's to check.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let key = DecodingKey::from_rsa_raw_components(modulus, exponent);
        Self::checked(jsonwebtoken::Algorithm::RS256, key)
    }

    fn checked(algorithm: jsonwebtoken::Algorithm, verifying: DecodingKey) -> Option<Self> {
        (DEFAULT_PROVIDER.verifier_factory)(&algorithm, &verifying).ok()?;
        Some(Self {
            algorithm,
            verifying,
        })
    }

    /// The registered name of its algorithm.
    pub fn algorithm(&self) -> &'static str {
        match self.algorithm {
            jsonwebtoken::Algorithm::ES256 => "ES256",
            jsonwebtoken::Algorithm::EdDSA => "EdDSA",
            jsonwebtoken::Algorithm::RS256 => "RS256",
            _ => "HS256",
        }
    }

    /// Whether this key made `signature` over `message`. HMAC is compared in constant time.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        (DEFAULT_PROVIDER.verifier_factory)(&self.algorithm, &self.verifying)
            .is_ok_and(|verifier| verifier.verify(message, &signature.to_vec()).is_ok())
    }
}

/// HMAC's verifying half is its secret: never shown.
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.algorithm())
    }
}
