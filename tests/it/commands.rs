//! The commands of the built program: what they say, and the code they end with.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::Service;
use crate::support::program::{Said, program, run, write};
use crate::support::service::Answer;

/// Runs a command in a folder of the test's own, so that what it says holds no path.
fn run_in(folder: &Path, arguments: &[&str]) -> Said {
    let command = program(arguments).current_dir(folder).output();
    command.unwrap().into()
}

fn good(folder: &Path, arguments: &[&str]) -> String {
    let said = run_in(folder, arguments);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    said.out
}

const FIVE_MISTAKES: &str = r#"[lifetime]
lifetime = "5m"
refresh_before_end = "30m"

[[account]]
name = "shop"
id = "not-a-guid"
hosts = ["shop.example.com"]

[account.authentication]
jwks = ["shop.jwks.json"]

[[account.app]]
name = "stroe"

[[account.upstream]]
name = "storefront"
addresses = ["127.0.0.1"]

[[account.route]]
path = "/account"
sesion = "required"
"#;

const FIVE_FINDINGS: &str = r#"error: refresh_before_end (30m) must be shorter than lifetime (5m)
 --> shop.toml:3:22
  |
3 | refresh_before_end = "30m"
  |                      ^^^^^
  = found: "30m"

error: `id`: no GUID
 --> shop.toml:7:6
  |
7 | id = "not-a-guid"
  |      ^^^^^^^^^^^^
  = found: "not-a-guid"
  = allowed: a GUID such as 3f1c7f0e-6a0b-4c0e-9d55-0f2c8d1f7a11

error: no built-in app is called `stroe`
  --> shop.toml:14:8
   |
14 | name = "stroe"
   |        ^^^^^^^
   = found: "stroe"
   = allowed: store, authentication, impersonate, profile, rnb, checkout
   = hint: did you mean `store`?

error: `addresses`: the port is missing
  --> shop.toml:18:14
   |
18 | addresses = ["127.0.0.1"]
   |              ^^^^^^^^^^^
   = found: "127.0.0.1"
   = allowed: host:port, such as shop.internal:8080

error: unknown key `sesion` in `account[0].route[0]`
  --> shop.toml:22:1
   |
22 | sesion = "required"
   | ^^^^^^
   = allowed: inject, login_page, on_denied_channel, on_expired, path, requests, send_context, send_session_token, session, touch, upstream
   = hint: did you mean `session`?

5 errors, 0 warnings
"#;

#[test]
fn every_mistake_of_a_configuration_is_told_at_once_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "shop.toml", FIVE_MISTAKES);
    let check = ["check", "--without-files", "--config", "shop.toml"];
    let said = run_in(folder.path(), &check);
    assert_eq!(said.out, FIVE_FINDINGS);
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    // With the files that it names looked at too.
    let said = run_in(folder.path(), &["check", "--config", "shop.toml"]);
    assert_eq!(said.code, 1);
    assert!(said.out.ends_with("8 errors, 0 warnings\n"), "{}", said.out);
    assert!(said.out.contains("shop.toml:11:9"), "{}", said.out);
}

#[test]
fn a_broken_file_and_a_missing_one_are_told_too() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "broken.toml", "[lifetime\n");
    let said = run_in(folder.path(), &["check", "--config", "broken.toml"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("broken.toml:1:10"), "{}", said.out);
    for command in ["check", "run"] {
        let said = run_in(folder.path(), &[command, "--config", "none.toml"]);
        let told = format!("{}{}", said.out, said.err);
        assert_eq!(said.code, 1, "{told}");
        assert!(told.contains("none.toml") && told.contains("cannot be read"));
    }
}

#[test]
fn every_configuration_that_is_shipped_is_good() {
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    let folders = [conf.clone(), conf.join("examples")];
    let entries = folders.iter().flat_map(|folder| folder.read_dir().unwrap());
    let mut checked = 0;
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let toml = path.extension().is_some_and(|kind| kind == "toml");
        if !toml || name.ends_with("directory.toml") {
            continue;
        }
        let said = run(&[
            "check",
            "--without-files",
            "--config",
            path.to_str().unwrap(),
        ]);
        assert_eq!(said.code, 0, "{name}: {said:?}");
        assert!(said.out.contains("no errors"), "{name}: {said:?}");
        checked += 1;
    }
    assert!(checked >= 5, "{checked} files");
}

#[test]
fn the_environment_goes_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/demo.toml");
    let check = [
        "check",
        "--without-files",
        "--show",
        "--config",
        demo.to_str().unwrap(),
    ];
    let output = program(&check)
        .current_dir(folder.path())
        .env("VESTIBULE__LIFETIME__LIFETIME", "60s")
        .env("VESTIBULE__LIFETIME__REFRESH_BEFORE_END", "10s")
        .output();
    let said = Said::from(output.unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("lifetime = \"1m\""), "{}", said.out);
    let output = program(&check)
        .env("VESTIBULE__LIFETIME__LIFETIME", "soon")
        .output();
    let said = Said::from(output.unwrap());
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out.contains("VESTIBULE__LIFETIME__LIFETIME"),
        "{}",
        said.out
    );
}

#[test]
fn the_schema_is_json_and_knows_the_sections() {
    let said = run(&["schema"]);
    assert_eq!(said.code, 0);
    let schema: Value = serde_json::from_str(&said.out).unwrap();
    for section in [
        "listener", "admin", "lifetime", "account", "limits", "store",
    ] {
        assert!(schema["properties"][section].is_object(), "{section}");
    }
    let page = run(&["schema", "--markdown"]);
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    assert_eq!(
        page.out,
        std::fs::read_to_string(kept).unwrap(),
        "make reference"
    );
}

#[test]
fn a_key_ring_is_made_rotated_and_listed_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let made = good(folder, &["keys", "new", "--out", "keys.json"]);
    assert!(made.starts_with("Wrote keys.json: key "), "{made}");
    let rotated = good(folder, &["keys", "rotate", "--file", "keys.json"]);
    assert!(
        rotated.contains("it verifies now and signs from"),
        "{rotated}"
    );
    let listed = good(folder, &["keys", "list", "--file", "keys.json", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let uses: Vec<&str> = listed["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["use"].as_str().unwrap())
        .collect();
    assert_eq!(uses, ["signs", "waits"]);
    let table = good(folder, &["keys", "list", "--file", "keys.json"]);
    let file: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("keys.json")).unwrap()).unwrap();
    let mut texts = Vec::new();
    long_texts(&file, &mut texts);
    assert!(!texts.is_empty());
    for secret in texts {
        assert!(!table.contains(&secret), "{table}");
        assert!(!listed.to_string().contains(&secret));
    }
    // Never over a file that is there.
    let again = run_in(folder, &["keys", "new", "--out", "keys.json"]);
    assert_eq!(again.code, 1);
    assert!(
        again.err.contains("keys.json is there already"),
        "{again:?}"
    );
}

/// Texts as long as a secret, wherever they stand.
fn long_texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() > 40 => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| long_texts(item, found)),
        Value::Object(members) => members.values().for_each(|one| long_texts(one, found)),
        _ => {}
    }
}

#[test]
fn a_minted_token_is_good_under_its_own_keys_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for name in ["ours", "theirs"] {
        let (key, jwks) = (format!("{name}.json"), format!("{name}.jwks.json"));
        good(
            folder,
            &["keys", "new", "--vtexid", "--out", &key, "--jwks", &jwks],
        );
    }
    let mint = "token mint --key ours.json --account demostore --email ana@example.com \
                --user-id 11111111-1111-4111-8111-111111111111";
    let mint: Vec<&str> = mint.split_whitespace().collect();
    let token = good(folder, &mint);
    let token = token.trim();
    let told = good(
        folder,
        &["token", "decode", token, "--jwks", "ours.jwks.json"],
    );
    assert!(
        told.starts_with("kind       VtexId token of a shopper\n"),
        "{told}"
    );
    assert!(
        told.contains("signature  good for account demostore\n"),
        "{told}"
    );
    assert!(told.contains(r#""sub": "ana@example.com""#), "{told}");
    for other in [
        ["--jwks", "theirs.jwks.json", "--account", "demostore"],
        ["--jwks", "ours.jwks.json", "--account", "othershop"],
    ] {
        let said = run_in(folder, &[&["token", "decode", token][..], &other].concat());
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.out.contains("signature  refused"), "{said:?}");
    }
    assert_eq!(run_in(folder, &["token", "decode", "nonsense"]).code, 1);
    // From the input, where no other user of the machine reads it.
    let mut child = program(&["token", "decode", "-", "--jwks", "ours.jwks.json"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), token.as_bytes()).unwrap();
    let said = Said::from(child.wait_with_output().unwrap());
    assert_eq!(
        (said.code, said.out.contains("good for")),
        (0, true),
        "{said:?}"
    );
}

/// A folder with the demo's configuration and a request. There are no keys: an explanation makes
/// its own and keeps none.
fn demo_with(request: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    let read = |name: &str| std::fs::read_to_string(conf.join(name)).unwrap();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/examples/");
    let demo = read("demo.toml")
        .replace("../data/demo/", "")
        .replace("\"examples/", &format!("\"{examples}"))
        // Nobody answers there.
        .replace("127.0.0.1:8082", "127.0.0.1:1");
    write(folder.path(), "demo.toml", &demo);
    write(
        folder.path(),
        "demo-directory.toml",
        &read("demo-directory.toml"),
    );
    write(folder.path(), "request.http", request);
    folder
}

const EXPLAIN: [&str; 5] = [
    "explain",
    "--config",
    "demo.toml",
    "--request",
    "request.http",
];

/// Asserts that the explanation holds each line, whatever the spaces between name and value.
fn holds(told: &str, lines: &[&str]) {
    let plain = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let all: Vec<String> = told.lines().map(plain).collect();
    for line in lines {
        assert!(all.iter().any(|told| told == line), "`{line}` in\n{told}");
    }
}

#[test]
fn a_first_visit_is_explained() {
    let folder = demo_with(
        "GET /?sc=2&utm_campaign=blackfriday HTTP/1.1\nHost: localhost\nAccept: text/html\n\
         X_Session_Channel: 3\n\n",
    );
    let told = good(folder.path(), &EXPLAIN);
    holds(
        &told,
        &[
            "method and path GET /",
            "account demostore",
            "route / (session optional, to storefront)",
            "public.sc 2",
            "public.utm_campaign blackfriday",
            "headers of our names, removed 1",
            "result no token: a new session",
            "lifetime of a cookie 30 min [1800000 ms]",
            "renewed in its last 5 min [300000 ms]",
            "idle limit 25 min after the last request [1500000 ms]",
            "absolute limit 30 d after the beginning [2592000000 ms]",
            "create call perks fails: not available: no connection: Connection refused (os error 111)",
            "round 1 rnb because of public.utm_campaign, store.channel answers rnb.campaigns",
            "round 2 changed nothing",
            "store.currencyCode \"BRL\"",
            "verdict it goes on to the store [forward]",
            "x-session-channel 2",
            "x-session-campaigns black-friday",
            "cache-control private",
        ],
    );
    let json = good(folder.path(), &[&EXPLAIN[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&json).unwrap();
    let verdict = serde_json::json!(["verdict", "it goes on to the store", "forward"]);
    assert_eq!(json["verdict"][0], verdict);
    let left: Vec<_> = folder.path().read_dir().unwrap().collect();
    assert_eq!(left.len(), 3, "nothing is written: {left:?}");
}

const RETURNING: &str = r#"{"namespaces": {
  "public": {"sc": {"value": "2"}, "utm_campaign": {"value": "blackfriday"}},
  "store": {"channel": {"value": "2"}, "currencyCode": {"value": "BRL"}},
  "rnb": {"campaigns": {"value": "black-friday"}}
}}"#;

fn explained(request: &str, ages: &str) -> String {
    let folder = demo_with(request);
    write(folder.path(), "session.json", RETURNING);
    let returning = format!("--session session.json {ages}");
    let returning: Vec<&str> = returning.split_whitespace().collect();
    good(folder.path(), &[&EXPLAIN[..], &returning].concat())
}

#[test]
fn a_return_inside_the_refresh_window_is_explained_with_the_formulas_numbers() {
    let request = "GET / HTTP/1.1\nHost: localhost\nAccept: text/html\n\n";
    let ages = "--created-ago 26m --issued-ago 26m --seen-ago 25m";
    let told = explained(request, ages);
    holds(
        &told,
        &[
            "result recognised by the cookie's hash",
            "cookie renewed with this answer: due 1 min ago [(1800000 - 300000) - 1560000 = -60000 ms]",
            "idle limit reached just now [0 ms]",
            "verdict it goes on to the store [forward]",
            "x-session-channel 2",
            "x-session-campaigns black-friday",
            "event the session cookie is due and goes out again [reissued]",
        ],
    );
    assert!(told.contains("set-cookie vtex_session"), "{told}");
    // One millisecond before the window nothing leaves.
    let early = "--created-ago 25m --issued-ago 1499999ms --seen-ago 1m";
    let told = explained(request, early);
    let due = "cookie renewed not before 1 ms from now [(1800000 - 300000) - 1499999 = 1 ms]";
    holds(&told, &[due]);
    assert!(!told.contains("set-cookie"), "{told}");
}

#[test]
fn a_session_that_ended_by_idleness_is_explained() {
    let request = "GET /account HTTP/1.1\nHost: localhost\nAccept: text/html\n\
                   Sec-Fetch-Mode: navigate\nSec-Fetch-Dest: document\n\n";
    let ages = "--created-ago 26m --issued-ago 26m --seen-ago 1500001ms";
    let told = explained(request, ages);
    holds(
        &told,
        &[
            "route /account (shopper required, to storefront)",
            "result the session has ended (idle)",
            "verdict the shopper is sent to the login [303 to /login?return_to=/account]",
            "store.channel \"2\"",
            "rnb.campaigns \"black-friday\"",
        ],
    );
    assert!(told.contains("set-cookie vtex_session"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_over_http_is_called_and_what_came_of_it_is_told_without_values() {
    let secret = json!({"perks": {"level": "secret"}});
    let fine = json!({"perks": {"level": {"value": "a level"}, "other": {"value": "secret"}}});
    for (answer, told) in [
        (
            Answer::Json(fine),
            "perks answers perks.level, 1 undeclared dropped",
        ),
        (
            Answer::Text(503, "secret".to_owned()),
            "perks fails: not available: answered 503",
        ),
        (
            Answer::Text(302, "secret".to_owned()),
            "perks fails: bad reply: answered 302; redirects are not followed",
        ),
        (
            Answer::Text(200, "secret".to_owned()),
            "perks fails: bad reply: the answer is no JSON (line 1, column 1)",
        ),
        (
            Answer::Json(secret),
            "perks fails: bad reply: `perks.level` is a text, not an object; an output is written \
             {\"value\": …}",
        ),
    ] {
        let service = Service::start().await;
        service.expects("perks", answer);
        service.answers("perks", |_| json!({}));
        let folder = demo_with("GET / HTTP/1.1\nHost: localhost\n\n");
        let demo = std::fs::read_to_string(folder.path().join("demo.toml")).unwrap();
        let demo = demo.replace("http://127.0.0.1:1\"", &format!("{}\"", service.url()));
        write(folder.path(), "demo.toml", &demo);
        let said = good(folder.path(), &EXPLAIN);
        holds(&said, &[&format!("create call {told}")]);
        assert!(!said.contains("secret"), "{said}");
        service.got();
    }
}

#[test]
fn what_cannot_be_explained_is_told_with_its_place() {
    let folder = demo_with("GET / HTTP/1.1\nno colon\n\n");
    let said = run_in(folder.path(), &EXPLAIN);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert!(said.err.contains("request.http:2:"), "{said:?}");
    write(
        folder.path(),
        "request.http",
        "GET / HTTP/1.1\nHost: other.example\n\n",
    );
    let said = run_in(folder.path(), &EXPLAIN);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("421"), "{said:?}");
}

#[test]
fn wrong_usage_ends_with_1_and_help_with_0() {
    for line in [
        "",
        "explian",
        "check",
        "run",
        "check --config",
        "demo --port",
        "demo --port 65536",
        "demo --data /dev/null --lifetime",
        "keys",
        "keys new",
        "keys new --out k --alg rot13",
        "token mint",
        "explain --config conf/demo.toml",
        "explain --config conf/demo.toml --request r --seen-ago 1m",
        "check --config conf/demo.toml extra",
    ] {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let said = run(&arguments);
        assert_eq!(
            (said.code, said.out.as_str()),
            (1, ""),
            "`{line}`: {said:?}"
        );
        assert!(said.err.contains("--help") || line.is_empty(), "{said:?}");
    }
    for line in ["--help", "help", "demo --help", "--version"] {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let said = run(&arguments);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "`{line}`");
        assert!(
            said.out.contains("vestibule") || said.out.contains("Usage"),
            "`{line}`"
        );
    }
}

#[test]
fn a_lifetime_that_breaks_the_law_does_not_start_the_demo() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    for (lifetime, window) in [("10s", "10s"), ("10s", "1m"), ("soon", "1s")] {
        let said = run(&[
            "demo",
            "--data",
            data,
            "--lifetime",
            lifetime,
            "--refresh-before-end",
            window,
        ]);
        assert_eq!(said.code, 1, "{lifetime} {window}: {said:?}");
        assert!(said.err.contains("lifetime"), "{said:?}");
    }
}
