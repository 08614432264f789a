//! Two instances on one machine: the configuration, the front, the store and what joins them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ipnet::IpNet;
use regex::Regex;
use serde_json::Value;

use super::{
    Effective, USER, items, number, packaging, port, root, span, string, strings, text, yaml,
};

const INSTANCES: [&str; 2] = ["vestibule-1", "vestibule-2"];

fn compose() -> Value {
    yaml(&packaging("compose.yaml"))
}

fn service(name: &str) -> Value {
    compose()["services"][name].clone()
}

/// `${NAME}`, `${NAME:-default}`, `${NAME:?reason}`.
fn interpolated() -> Regex {
    Regex::new(r"\$\{([A-Z_]+)(?::([-?])([^}]*))?\}").unwrap()
}

/// A value as Compose makes it where nothing is set but what has to be.
fn by_default(value: &str) -> String {
    let filled = interpolated().replace_all(value, |found: &regex::Captures<'_>| {
        match found.get(2).map(|kind| kind.as_str()) {
            Some("-") => found[3].to_owned(),
            _ => "secret".to_owned(),
        }
    });
    filled.into_owned()
}

fn variables(service: &Value) -> BTreeMap<String, String> {
    let variables = service["environment"].as_object().unwrap().iter();
    variables
        .map(|(name, value)| (name.clone(), by_default(string(value))))
        .collect()
}

/// Of an instance, its variables laid on.
fn effective(instance: &str) -> Effective {
    let file = packaging("compose/vestibule.toml");
    Effective::of(&file, &variables(&service(instance)))
}

fn front() -> String {
    text(&packaging("compose/haproxy.cfg"))
}

/// Where the front asks whether an instance is ready.
pub(super) fn path_that_the_front_asks() -> String {
    let front = front();
    let (_, after) = front.split_once("option httpchk GET ").unwrap();
    after.lines().next().unwrap().to_owned()
}

#[test]
fn both_instances_have_the_same_good_configuration() {
    let [one, two] = INSTANCES.map(|instance| effective(instance).0);
    assert_eq!(one, two);
    for instance in INSTANCES {
        let effective = effective(instance);
        let upstream = effective.at("/account/0/upstream/0/addresses");
        assert_eq!(strings(upstream), ["store:8081"]);
        assert_eq!(
            strings(&service(instance)["extra_hosts"]),
            ["store:host-gateway"]
        );
        let mut changed = variables(&service(instance));
        let host = r#"["shop.example.com"]"#.to_owned();
        changed.insert("VESTIBULE__ACCOUNT__SHOP__HOSTS".to_owned(), host);
        let file = packaging("compose/vestibule.toml");
        let hosts = Effective::of(&file, &changed);
        assert_eq!(strings(hosts.at("/account/0/hosts")), ["shop.example.com"]);
    }
}

#[test]
fn every_file_of_the_configuration_is_in_the_instances() {
    let compose = compose();
    for instance in INSTANCES {
        let service = service(instance);
        let mounts: Vec<Vec<&str>> = strings(&service["volumes"])
            .into_iter()
            .map(|mount| mount.split(':').collect())
            .collect();
        let secrets = strings(&service["secrets"]);
        for file in effective(instance).named_files() {
            let secret = file.strip_prefix("/run/secrets/");
            let kept = file.starts_with("/var/lib/vestibule/");
            let beside = packaging("compose").join(file).exists();
            let there = match secret {
                Some(name) => secrets.contains(&name) && !compose["secrets"][name].is_null(),
                None => kept || (!file.starts_with('/') && beside),
            };
            assert!(there, "{file}");
        }
        let volume = mounts.iter().find(|mount| mount[1] == "/var/lib/vestibule");
        let volumes = compose["volumes"].as_object().unwrap();
        assert!(
            volumes.contains_key(volume.unwrap()[0]),
            "a volume that outlives it"
        );
        assert!(mounts.contains(&vec!["./compose", "/etc/vestibule", "ro"]));
    }
    assert!(text(&packaging("Dockerfile")).contains(&format!("--chown={USER}:{USER} ")));
}

#[test]
fn names_within_the_file_lead_somewhere() {
    let compose = compose();
    let there = |kind: &str, name: &str| {
        let all = compose[kind].as_object().unwrap();
        assert!(all.contains_key(name), "{kind}: {name}");
    };
    for (name, service) in compose["services"].as_object().unwrap() {
        assert_eq!(string(&service["restart"]), "unless-stopped", "{name}");
        assert!(service["healthcheck"]["test"].is_array(), "{name}");
        let hardened = strings(&service["security_opt"]);
        assert!(hardened.contains(&"no-new-privileges:true"), "{name}");
        for network in strings(&service["networks"]) {
            there("networks", network);
        }
        for (other, on) in service["depends_on"].as_object().into_iter().flatten() {
            there("services", other);
            assert!(on["condition"].is_string(), "{name}");
        }
        for mount in strings(&service["volumes"]) {
            let source = mount.split(':').next().unwrap();
            match source.strip_prefix("./") {
                Some(file) => assert!(packaging(file).exists(), "{source}"),
                None => there("volumes", source),
            }
        }
        for config in service["configs"].as_array().into_iter().flatten() {
            there("configs", string(&config["source"]));
        }
    }
    let build = &service("vestibule-1")["build"];
    let context = packaging(string(&build["context"])).canonicalize().unwrap();
    assert_eq!(context, root().canonicalize().unwrap());
    assert!(context.join(string(&build["dockerfile"])).exists());
}

#[test]
fn instances_are_confined_asked_and_given_time() {
    for instance in INSTANCES {
        let service = service(instance);
        let effective = effective(instance);
        assert_eq!(service["read_only"], Value::Bool(true));
        assert_eq!(strings(&service["cap_drop"]), ["ALL"]);
        let wait = span(string(&service["stop_grace_period"]));
        assert!(wait > effective.longest_end(), "{wait:?}");
        let test = strings(&service["healthcheck"]["test"]);
        assert_eq!(test[..3], ["CMD", "/usr/bin/vestibule", "health"]);
        super::is_a_command(&test[2..]);
        assert_eq!(port(test.last().unwrap()), effective.admin_port());
        assert!(service["ports"].is_null(), "the front alone is published");
    }
}

#[test]
fn the_front_gives_requests_to_the_instances_and_is_believed() {
    let effective = effective(INSTANCES[0]);
    let front = front();
    for instance in INSTANCES {
        let server = format!(" {instance}:{}\n", effective.shoppers_port());
        assert!(front.contains(&server), "{server}");
    }
    let asked = format!("check port {} ", effective.admin_port());
    assert!(front.contains(&asked), "{asked}");
    let published = service("front")["ports"].clone();
    let inner = strings(&published)[0]
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    assert!(front.contains(&format!("bind :{inner}\n")), "{published}");

    let trusted = strings(effective.at("/server/trusted_proxies"));
    let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
    let subnet = &compose()["networks"]["inside"]["ipam"]["config"][0]["subnet"];
    assert_eq!(trusted, [string(subnet).parse::<IpNet>().unwrap()]);
    // What a trusted proxy passes on is believed.
    for header in [
        "x-forwarded- -m beg",
        "forwarded",
        "x-real-ip",
        "x-original-url",
        "x-http-method-override",
    ] {
        let line = format!("http-request del-header {header}\n");
        assert!(front.contains(&line), "{line}");
    }
}

#[test]
fn the_store_has_the_user_and_the_rights_that_operators_are_told() {
    let compose = compose();
    let config = service("valkey")["configs"][0].clone();
    let acl = string(&compose["configs"][string(&config["source"])]["content"]);
    let acl = by_default(acl);
    let (nobody, user) = acl.trim_end().split_once('\n').unwrap();
    assert_eq!(nobody, "user default off");
    let told = text(&root().join("docs/operations.md"));
    let told = told
        .lines()
        .find(|line| line.starts_with("user vestibule "));
    assert_eq!(user, told.unwrap().replace(">PASSWORD", ">secret"));

    let effective = effective(INSTANCES[0]);
    assert_eq!(string(effective.at("/store/username")), "vestibule");
    let prefix = string(effective.at("/store/key_prefix"));
    assert!(user.contains(&format!(" ~{prefix}:* ")), "{user}");
    assert_eq!(strings(effective.at("/store/addresses")), ["valkey:6379"]);
    let command = strings(&service("valkey")["command"]).join(" ");
    for wanted in [
        "--appendonly yes",
        "--appendfsync everysec",
        "--maxmemory-policy noeviction",
    ] {
        assert!(command.contains(wanted), "{command}");
    }
    let file = string(&config["target"]);
    assert!(command.contains(&format!("--aclfile {file}")), "{command}");
}

#[test]
fn every_variable_is_in_the_example_and_the_other_way_round() {
    let file = text(&packaging("compose.yaml"));
    let mut used: BTreeSet<String> = interpolated()
        .captures_iter(&file)
        .map(|found| found[1].to_owned())
        .collect();
    for secret in compose()["secrets"].as_object().unwrap().values() {
        used.insert(string(&secret["environment"]).to_owned());
    }
    // Which image, for those who keep several.
    assert!(used.remove("VESTIBULE_VERSION"));
    let example = text(&packaging(".env.example"));
    let told = example.lines().filter_map(|line| line.split_once('='));
    let told: BTreeMap<&str, &str> = told.filter(|(name, _)| !name.starts_with('#')).collect();
    assert_eq!(used.iter().map(String::as_str).collect::<Vec<_>>(), {
        told.keys().copied().collect::<Vec<_>>()
    });
    for found in interpolated().captures_iter(&file) {
        if found.get(2).is_some_and(|kind| kind.as_str() == "-") {
            let told = told.get(&found[1]).unwrap_or(&env!("CARGO_PKG_VERSION"));
            assert_eq!(*told, &found[3], "{}", &found[1]);
        }
    }
    let published = service("front")["ports"].clone();
    assert_eq!(items(&published).len(), 1);
    let usual = by_default(strings(&published)[0]);
    assert!(usual.starts_with("127.0.0.1:"), "{usual}");
    assert!(number(&Value::String(usual.rsplit(':').next().unwrap().to_owned())) > 1023);
    let kept_out = text(Path::new(&root().join(".gitignore")));
    assert!(kept_out.contains("/packaging/.env\n"));
}
