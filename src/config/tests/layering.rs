//! Which of several values counts.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::{SMALL, good};
use crate::config::{ENVIRONMENT, Layers, Loaded, Report, Unseen, load};
use crate::domain::lifetime::CookieAge;

/// A directory with a file and an overlay for `test`.
fn shop(base: &str, overlay: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("shop.toml"), base).unwrap();
    fs::write(folder.path().join("shop.test.toml"), overlay).unwrap();
    folder
}

fn read(
    folder: &Path,
    environment: Option<&str>,
    variables: &[(&str, &str)],
) -> Result<Loaded, Report> {
    let variables = variables.iter();
    let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(
        &Layers::read(&folder.join("shop.toml"), environment, variables),
        &Unseen,
    )
}

const OVERLAY: &str = r#"
[server]
grace = "5s"

[[account]]
name = "shop"
login_page = "/entry"

[[account.upstream]]
name = "storefront"
read_timeout = "7s"

[[account.upstream]]
name = "second"
addresses = ["127.0.0.1:8082"]
"#;

#[test]
fn an_overlay_goes_over_the_file_and_variables_over_both() {
    let base = format!("[server]\ngrace = \"1s\"\nthreads = 3\n{SMALL}");
    let folder = shop(&base, OVERLAY);
    let grace = |environment, variables: &[(&str, &str)]| {
        read(folder.path(), environment, variables)
            .unwrap()
            .config
            .grace
            .as_secs()
    };
    let set = ("VESTIBULE__SERVER__GRACE", "9s");
    let named = (ENVIRONMENT, "test");
    assert_eq!(grace(None, &[]), 1);
    assert_eq!(grace(Some("test"), &[]), 5);
    assert_eq!(grace(None, &[named]), 5);
    assert_eq!(grace(None, &[(ENVIRONMENT, "")]), 1);
    assert_eq!(grace(Some("test"), &[set]), 9);
    assert_eq!(
        grace(
            Some("test"),
            &[("vestibule__server__grace", "9s"), ("GRACE", "8s")]
        ),
        5
    );
    // The command line's word wins over the variable's.
    assert_eq!(grace(Some("test"), &[(ENVIRONMENT, "other")]), 5);
}

#[test]
fn tables_merge_and_entries_of_one_name_are_one() {
    let base = format!("[server]\nthreads = 3\n{SMALL}");
    let folder = shop(&base, OVERLAY);
    let config = read(folder.path(), Some("test"), &[]).unwrap().config;
    assert_eq!(config.threads.unwrap().get(), 3);
    let [account] = config.accounts.as_slice() else {
        panic!("the overlay's account is the file's")
    };
    let [first, second] = account.upstreams.as_slice() else {
        panic!("one upstream was changed, one added")
    };
    assert_eq!(first.addresses[0].text, "127.0.0.1:8081");
    assert_eq!(first.timeouts.read, Duration::from_secs(7));
    assert_eq!(&*second.name, "second");
}

#[test]
fn an_overlay_that_is_named_has_to_be_there() {
    let folder = shop(SMALL, "");
    for (environment, said) in [
        ("production", "shop.production.toml"),
        ("../../etc/x", "`../../etc/x` is no name of an environment"),
    ] {
        let report = read(folder.path(), Some(environment), &[]).unwrap_err();
        assert_eq!(report.findings().len(), 1, "{report}");
        assert!(report.to_string().contains(said), "{report}");
    }
}

#[test]
fn a_file_that_is_no_text_says_from_which_line() {
    let folder = shop(SMALL, "");
    fs::write(folder.path().join("shop.toml"), b"a = 1\n\xff\n").unwrap();
    let report = read(folder.path(), None, &[]).unwrap_err();
    assert!(
        report.to_string().contains("no UTF-8 text, from line 2 on"),
        "{report}"
    );
}

#[test]
fn variables_reach_entries_by_name_and_hold_toml_or_text() {
    let variables = [
        (
            "VESTIBULE__ACCOUNT__SHOP__HOSTS",
            r#"["a.example", "b.example"]"#,
        ),
        ("VESTIBULE__ACCOUNT__SHOP__LOGIN_PAGE", "/in"),
        ("VESTIBULE__ACCOUNT__shop__NAME", "1234"),
        (
            "VESTIBULE__ACCOUNT__SHOP__UPSTREAM__STOREFRONT__KEEP_ALIVE",
            "7",
        ),
        ("VESTIBULE__LIFETIME__ANONYMOUS__IDLE", "20m"),
        ("VESTIBULE__LIMITS", "{ headers = 50 }"),
        ("VESTIBULE__ADMIN__ADDRESS", "127.0.0.1:9999"),
    ];
    let folder = shop(SMALL, "");
    let config = read(folder.path(), None, &variables).unwrap().config;
    let account = &config.accounts[0];
    assert_eq!(&*account.name, "1234");
    assert_eq!(account.place.hosts.len(), 2);
    assert_eq!(account.upstreams[0].keep_alive, 7);
    assert_eq!(account.lifetimes.anonymous.idle(), Duration::from_mins(20));
    assert_eq!(
        account.lifetimes.authenticated.idle(),
        Duration::from_mins(25)
    );
    assert_eq!(config.limits.header_count, 50);
    assert_eq!(config.admin.unwrap().address.port(), 9999);
}

#[test]
fn lifetimes_of_the_account_go_over_those_of_all_and_the_anonymous_differ_last() {
    let own = r#"
[account.lifetime]
refresh_before_end = "2m"
[account.lifetime.anonymous]
cookie_max_age = "none"
"#;
    let common = r#"
[lifetime]
lifetime = 1200
refresh_before_end = "5m"
[lifetime.anonymous]
lifetime = "6d"
"#;
    let loaded = good(&format!("{common}{SMALL}{own}"));
    let lifetimes = &loaded.config.accounts[0].lifetimes;
    let (known, anonymous) = (lifetimes.of(true), lifetimes.of(false));
    assert_eq!(known.lifetime(), Duration::from_mins(20));
    assert_eq!(known.idle(), Duration::from_mins(18));
    assert_eq!(
        known.cookie_max_age(),
        CookieAge::For(Duration::from_mins(40))
    );
    assert_eq!(anonymous.lifetime(), Duration::from_hours(6 * 24));
    assert_eq!(anonymous.refresh_before_end(), Duration::from_mins(2));
    assert_eq!(anonymous.cookie_max_age(), CookieAge::BrowserSession);
}

#[test]
fn seconds_and_text_decide_alike() {
    let with = |lifetime: &str| good(&format!("[lifetime]\nlifetime = {lifetime}\n{SMALL}"));
    let policy = |loaded: &Loaded| format!("{:?}", loaded.config.accounts[0].lifetimes);
    assert_eq!(policy(&with("1800")), policy(&with("\"30m\"")));
    assert_eq!(policy(&with("\"1800s\"")), policy(&with("\"30m\"")));
}

#[test]
fn each_value_is_told_with_the_file_or_the_variable_that_wrote_it() {
    let base = format!(
        "[server]\ngrace = \"1s\"\nthreads = 3\n[lifetime]\nlifetime = \"40m\"\nidle = \"30m\"\n\
         absolute_anonymous = \"20d\"\nanonymous.idle = \"20m\"\n{SMALL}"
    );
    let folder = shop(&base, OVERLAY);
    let set = ("VESTIBULE__SERVER__THREADS", "2");
    let told = read(folder.path(), Some("test"), &[set]).unwrap().origins;
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (base, overlay) = (file("shop.toml"), file("shop.test.toml"));
    for (key, place) in [
        ("/server/grace", overlay.as_str()),
        ("/server/threads", "VESTIBULE__SERVER__THREADS"),
        ("/account/0/hosts", &base),
        ("/account/0/login_page", &overlay),
        ("/account/0/upstream/0/addresses", &base),
        ("/account/0/upstream/0/read_timeout", &overlay),
        ("/account/0/lifetime/authenticated/idle", &base),
        ("/account/0/lifetime/anonymous/idle", &base),
        ("/account/0/lifetime/anonymous/absolute", &base),
    ] {
        let told = told.pointer(key).and_then(|place| place.as_str());
        assert_eq!(told, Some(place), "{key}");
    }
    for default in [
        "/server/watch",
        "/log",
        "/lifetime",
        "/account/0/lifetime/authenticated/absolute",
        "/account/0/lifetime/anonymous/clock_skew",
    ] {
        assert_eq!(told.pointer(default), None, "{default}");
    }
}
