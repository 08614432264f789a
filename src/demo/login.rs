//! Logging in and out, and acting as a customer: forms that set the login's own cookies.
//! Who that makes the shopper is for Vestibule to say.

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use url::form_urlencoded;

use super::knowledge::{Knowledge, STAFF_COOKIE};
use super::origin::from_our_page;
use super::page;
use super::people::{Person, PersonKind};
use super::return_to::read_return_to;
use super::storefront::{Shop, page_answer};

/// The cookie that names the customer whom staff acts as.
const IMPERSONATION_COOKIE: &str = "vtex-impersonated-customer-email";

/// The longest e-mail that SMTP can carry.
const LONGEST_EMAIL: usize = 254;

/// The fields of all three forms; one that is missing is empty.
#[derive(Default)]
struct Fields {
    email: String,
    return_to: String,
}

impl Fields {
    fn read(form: &[u8]) -> Self {
        let mut fields = Self::default();
        for (name, value) in form_urlencoded::parse(form) {
            match name.as_ref() {
                "email" => fields.email = value.into_owned(),
                "return_to" => fields.return_to = value.into_owned(),
                _ => {}
            }
        }
        fields
    }
}

type Body = Result<Bytes, BytesRejection>;

/// `GET /login`: the people, a button each.
pub(super) async fn show(uri: Uri, headers: HeaderMap) -> Response {
    let asked = Fields::read(uri.query().unwrap_or_default().as_bytes());
    let return_to = read_return_to(&asked.return_to);
    let knowledge = Knowledge::read(&headers);
    page_answer(StatusCode::OK, page::login(knowledge, &return_to, None))
}

/// `POST /login`.
pub(super) async fn log_in(State(shop): State<Shop>, headers: HeaderMap, body: Body) -> Response {
    let fields = match accept(&headers, body) {
        Ok(fields) => fields,
        Err(refused) => return refused.page(&headers),
    };
    let return_to = read_return_to(&fields.return_to);
    let Some(person) = Person::find(&fields.email) else {
        let knowledge = Knowledge::read(&headers);
        let page = page::login(knowledge, &return_to, Some(&fields.email));
        return page_answer(StatusCode::UNAUTHORIZED, page);
    };
    match shop.token_issuer.issue(person) {
        Ok(token) => {
            let name = match person.kind {
                PersonKind::Shopper => shopper_cookie(&shop),
                PersonKind::Staff => STAFF_COOKIE.to_owned(),
            };
            leave(&return_to, &[given(&headers, name, token)])
        }
        Err(error) => {
            let text = error.to_string();
            let told = ("No login today", text.as_str());
            refusal(&headers, StatusCode::INTERNAL_SERVER_ERROR, told)
        }
    }
}

/// `POST /logout`: every login of this browser, and what was done in its name.
pub(super) async fn log_out(State(shop): State<Shop>, headers: HeaderMap, body: Body) -> Response {
    let fields = match accept(&headers, body) {
        Ok(fields) => fields,
        Err(refused) => return refused.page(&headers),
    };
    let cookies = [
        taken(&headers, shopper_cookie(&shop)),
        taken(&headers, STAFF_COOKIE.to_owned()),
        taken(&headers, IMPERSONATION_COOKIE.to_owned()),
    ];
    leave(&read_return_to(&fields.return_to), &cookies)
}

/// `POST /impersonate`: a customer's e-mail, or nothing to stop. Anybody may ask; whether it has
/// any effect, Vestibule decides.
pub(super) async fn impersonate(headers: HeaderMap, body: Body) -> Response {
    let fields = match accept(&headers, body) {
        Ok(fields) => fields,
        Err(refused) => return refused.page(&headers),
    };
    let email = fields.email.trim();
    let name = IMPERSONATION_COOKIE.to_owned();
    let cookie = if email.is_empty() {
        taken(&headers, name)
    } else if is_email(email) {
        given(&headers, name, email.to_owned())
    } else {
        let told = ("That is not an e-mail", "Nothing was changed.");
        return refusal(&headers, StatusCode::BAD_REQUEST, told);
    };
    leave(&read_return_to(&fields.return_to), &[cookie])
}

/// Why a form was not read.
enum Refused {
    Foreign,
    NotUnderstood(StatusCode),
}

impl Refused {
    fn page(&self, headers: &HeaderMap) -> Response {
        let (status, title, text) = match self {
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                "Not from here",
                "This form was sent from another site. Nothing was changed.",
            ),
            Self::NotUnderstood(status) => (
                *status,
                "This form was not understood",
                "Nothing was changed.",
            ),
        };
        refusal(headers, status, (title, text))
    }
}

/// The fields of a form that one of our own pages sent.
fn accept(headers: &HeaderMap, body: Body) -> Result<Fields, Refused> {
    if !from_our_page(headers) {
        return Err(Refused::Foreign);
    }
    let body = body.map_err(|rejected| Refused::NotUnderstood(rejected.status()))?;
    if !body.is_empty() && !is_form(headers) {
        return Err(Refused::NotUnderstood(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    Ok(Fields::read(&body))
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok());
    (kind.and_then(|kind| kind.split(';').next()))
        .is_some_and(|kind| (kind.trim()).eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

fn refusal(headers: &HeaderMap, status: StatusCode, told: (&str, &str)) -> Response {
    let knowledge = Knowledge::read(headers);
    page_answer(status, page::message(knowledge, status, told))
}

fn shopper_cookie(shop: &Shop) -> String {
    format!("{STAFF_COOKIE}_{}", shop.account)
}

/// Whether the text can stand in a cookie as it is, and looks like an address.
fn is_email(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !br#"",;\"#.contains(&byte);
    text.len() <= LONGEST_EMAIL
        && text.bytes().all(plain)
        && (text.split_once('@'))
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
}

fn given(headers: &HeaderMap, name: String, value: String) -> Cookie<'static> {
    let https = headers
        .get("x-forwarded-proto")
        .is_some_and(|scheme| scheme == "https");
    Cookie::build((name, value))
        .path("/")
        .max_age(Duration::days(1))
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(https)
        .build()
}

fn taken(headers: &HeaderMap, name: String) -> Cookie<'static> {
    let mut cookie = given(headers, name, String::new());
    cookie.set_max_age(Duration::ZERO);
    cookie
}

/// 303, so that a reload repeats nothing.
fn leave(return_to: &str, cookies: &[Cookie<'_>]) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let location = HeaderValue::from_str(return_to);
    headers.insert(
        header::LOCATION,
        location.unwrap_or(HeaderValue::from_static("/")),
    );
    for cookie in cookies {
        // A token that cannot stand in a header logs nobody in.
        if let Ok(line) = HeaderValue::from_str(&cookie.to_string()) {
            headers.append(header::SET_COOKIE, line);
        }
    }
    response
}

#[cfg(test)]
mod tests;
