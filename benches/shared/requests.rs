//! Requests of a shopper: eleven cookies of 1.2 KB, a campaign's query, a browser's headers.

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{ACCEPT, COOKIE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use vestibule::domain::request::{NormalPath, RequestView};

pub(crate) const SESSION_COOKIE: &str = "vtex_session";
pub(crate) const AUTH_COOKIE: &str = "VtexIdclientAutCookie_demostore";
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                       Chrome/142.0.0.0 Safari/537.36";

/// Repeatable chance (`SplitMix64`).
#[derive(Clone, Debug)]
pub(crate) struct Dice(pub u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn text(&mut self, bytes: usize) -> String {
        let random: Vec<u8> = std::iter::repeat_with(|| self.roll().to_le_bytes())
            .flatten()
            .take(bytes)
            .collect();
        URL_SAFE_NO_PAD.encode(random)
    }
}

/// A request's head, to be viewed as the flow sees it.
#[derive(Debug)]
pub(crate) struct Request {
    path: NormalPath,
    query: Option<String>,
    headers: HeaderMap,
}

impl Request {
    pub(crate) fn new(cookies: &[String], query: Option<String>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("shop.example"));
        headers.insert(USER_AGENT, HeaderValue::from_static(BROWSER));
        headers.insert(ACCEPT, HeaderValue::from_static("text/html,*/*;q=0.8"));
        headers.insert("accept-language", HeaderValue::from_static("en;q=0.8"));
        headers.insert("accept-encoding", HeaderValue::from_static("gzip, br"));
        headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        headers.insert("sec-fetch-mode", HeaderValue::from_static("navigate"));
        headers.insert("sec-fetch-dest", HeaderValue::from_static("document"));
        for line in cookies {
            let line = HeaderValue::from_str(line).expect("cookies here are visible ASCII");
            headers.append(COOKIE, line);
        }
        Self {
            path: NormalPath::read("/catalog/17/shoes-421/p").expect("the path is plain"),
            query,
            headers,
        }
    }

    pub(crate) fn view(&self) -> RequestView<'_> {
        RequestView {
            method: "GET",
            path: &self.path,
            query: self.query.as_deref(),
            host: "shop.example",
            headers: &self.headers,
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            secure: true,
            insecure_cookies: false,
            trace: None,
        }
    }
}

/// What an ES256 login token of a store weighs: 700 bytes, another one for every seed.
pub(crate) fn auth_token(seed: u64) -> String {
    let mut dice = Dice(seed);
    format!(
        "eyJhbGciOiJFUzI1NiIsImtpZCI6IjQ3{}.{}.{}",
        dice.text(14),
        dice.text(402),
        dice.text(64)
    )
}

/// The cookies of a shopper who has been here before; eleven with `auth` and `session`.
pub(crate) fn cookies(auth: Option<&str>, session: Option<&str>) -> Vec<String> {
    let auth = auth.map(|token| format!("{AUTH_COOKIE}={token}"));
    let others = [
        "_ga=GA1.2.718281828.1763845904",
        "_gid=GA1.2.314159265.1763831415",
        "_fbp=fb.1.1763838926535.897932384",
        "checkout.vtex.com=__ofid=5eb63bbbe01eeed093cb22bb8f5acdc3",
        "OptanonConsent=isGpcEnabled=0&datestamp=Sun+Nov+22+2026&version=202405",
        "vtex_binding_address=shop.example/",
        "locale=en-US",
        "biggy-anonymous=Qm9yZGVybGluZVNob3A",
        "biggy-session=c2hvcHBlcjE",
    ];
    let session = session.map(|token| format!("{SESSION_COOKIE}={token}"));
    let all = auth.into_iter().chain(others.map(str::to_owned));
    all.chain(session).collect()
}

/// The link of a campaign: seven parameters that are kept, and three that are not.
pub(crate) fn campaign_query(campaign: u64) -> String {
    format!(
        "sc=1&utm_source=google&utm_medium=email&utm_campaign=camp{campaign}&utmi_cp=&map=c,c\
         &O=OrderByTopSaleDESC&page=3&country=USA&gclid=EAIaIQobChMI5Zk0N2W{campaign}"
    )
}

/// The link of a newsletter: four parameters that are kept, and three that are not.
pub(crate) fn newsletter_query(campaign: u64) -> String {
    format!(
        "sc=1&utm_source=newsletter&utm_medium=email&utm_campaign=camp{campaign}&map=c,c\
         &O=OrderByTopSaleDESC&page=3"
    )
}
