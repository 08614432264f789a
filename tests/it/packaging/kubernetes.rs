//! The manifests: each fits the others, the configuration that it carries, and the program.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Effective, USER, items, number, packaging, port, string, strings, yaml};

const WAYS: [&str; 2] = ["shared", "embedded"];

fn folder() -> PathBuf {
    packaging("kubernetes")
}

/// The manifests that a kustomization brings together, by kind.
fn manifests(way: &str) -> Vec<Value> {
    let folder = folder().join(way).canonicalize().unwrap();
    let kustomization = yaml(&folder.join("kustomization.yaml"));
    let mut found = Vec::new();
    for resource in strings(&kustomization["resources"]) {
        let path = folder.join(resource);
        if path.is_dir() {
            found.extend(manifests(path.canonicalize().unwrap().to_str().unwrap()));
        } else {
            // The tool takes nothing from above its folder but folders.
            assert!(!resource.contains(".."), "{resource}");
            found.push(yaml(&path));
        }
    }
    found
}

fn of_kind(way: &str, kind: &str) -> Value {
    let mut found = manifests(way);
    found.retain(|manifest| manifest["kind"] == kind);
    assert_eq!(found.len(), 1, "{way}: {kind}");
    found.remove(0)
}

fn workload(way: &str) -> Value {
    of_kind(
        way,
        if way == "shared" {
            "Deployment"
        } else {
            "StatefulSet"
        },
    )
}

fn pod(way: &str) -> Value {
    workload(way)["spec"]["template"]["spec"].clone()
}

fn container(way: &str) -> Value {
    let pod = pod(way);
    let [container] = items(&pod["containers"]) else {
        panic!("{way}: one container");
    };
    container.clone()
}

/// The configuration that a `ConfigMap` carries.
fn effective(way: &str) -> Effective {
    let config = of_kind(way, "ConfigMap");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vestibule.toml");
    fs::write(&file, string(&config["data"]["vestibule.toml"])).unwrap();
    Effective::of(&file, &BTreeMap::new())
}

/// Paths that probes ask.
pub(super) fn probed_paths() -> Vec<String> {
    let mut paths = Vec::new();
    for way in WAYS {
        let container = container(way);
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let get = &container[probe]["httpGet"];
            assert_eq!(get["port"], "admin", "{way}: {probe}");
            paths.push(string(&get["path"]).to_owned());
        }
        let readiness = string(&container["readinessProbe"]["httpGet"]["path"]);
        assert_eq!(readiness, "/health/ready");
    }
    paths
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_manifest_is_named_and_every_name_is_a_manifest() {
    let mut named = vec![folder().join("secret.example.yaml")];
    for file in files(&folder()) {
        if !file.ends_with("kustomization.yaml") {
            continue;
        }
        let kustomization = yaml(&file);
        assert_eq!(kustomization["kind"], "Kustomization");
        for resource in strings(&kustomization["resources"]) {
            let path = file.with_file_name(resource);
            assert!(path.exists(), "{}: {resource}", file.display());
            named.push(path);
        }
        named.push(file);
    }
    for file in files(&folder()) {
        assert!(named.contains(&file), "{} is nowhere used", file.display());
        let manifest = yaml(&file);
        for key in ["apiVersion", "kind"] {
            assert!(manifest[key].is_string(), "{}: {key}", file.display());
        }
    }
}

#[test]
fn ports_are_those_that_the_configuration_listens_on() {
    for way in WAYS {
        let effective = effective(way);
        let container = container(way);
        let ports: BTreeMap<&str, u64> = items(&container["ports"])
            .iter()
            .map(|port| (string(&port["name"]), number(&port["containerPort"])))
            .collect();
        let wanted = [
            ("admin", effective.admin_port()),
            ("http", effective.shoppers_port()),
        ];
        assert_eq!(ports, BTreeMap::from(wanted), "{way}");
        for pointer in ["/listener/0/address", "/admin/address"] {
            let address = string(effective.at(pointer));
            assert!(address.starts_with("0.0.0.0:"), "{address}");
        }
        let service = of_kind(way, "Service");
        for port in items(&service["spec"]["ports"]) {
            assert!(ports.contains_key(string(&port["targetPort"])), "{port}");
        }
        let arguments = container["args"].clone();
        super::is_a_command(&strings(&arguments));
        assert_eq!(strings(&arguments)[2], "/etc/vestibule/vestibule.toml");
    }
}

/// The names, beneath its folder, of what a pod's volume of configuration holds.
fn mounted(way: &str) -> Vec<String> {
    let mut found = Vec::new();
    for source in items(&pod(way)["volumes"][0]["projected"]["sources"]) {
        if let Some(config) = source["configMap"]["name"].as_str() {
            let map = of_kind(way, "ConfigMap");
            assert_eq!(map["metadata"]["name"], config);
            found.extend(keys(&map["data"]));
        } else {
            found.extend(secrets(&source["secret"]));
        }
    }
    found
}

/// Names of files of the Secret, each of which the example has.
fn secrets(source: &Value) -> Vec<String> {
    let example = yaml(&folder().join("secret.example.yaml"));
    assert_eq!(source["name"], example["metadata"]["name"]);
    let named = items(&source["items"]).iter().map(|item| {
        let stand_in = string(&example["stringData"][string(&item["key"])]);
        assert!(!stand_in.contains('{'), "a secret: {stand_in}");
        string(&item["path"]).to_owned()
    });
    named.collect()
}

/// Where a pod's volume lies.
fn place(way: &str, volume: &str) -> String {
    let container = container(way);
    let mounts = items(&container["volumeMounts"]);
    let mount = mounts.iter().find(|mount| mount["name"] == volume);
    string(&mount.expect(volume)["mountPath"]).to_owned()
}

#[test]
fn every_file_of_the_configuration_is_mounted() {
    for way in WAYS {
        let effective = effective(way);
        let mut named = effective.named_files();
        named.push("vestibule.toml");
        let mut mounted = mounted(way);
        named.sort_unstable();
        mounted.sort_unstable();
        assert_eq!(mounted, named, "{way}");
        let pod = pod(way);
        let volume = &pod["volumes"][0];
        assert_eq!(number(&volume["projected"]["defaultMode"]), 0o440, "{way}");
        assert_eq!(place(way, string(&volume["name"])), "/etc/vestibule");
    }
}

#[test]
fn sessions_on_a_disk_are_on_a_claim_of_the_one_instance() {
    let workload = workload("embedded");
    let claim = string(&workload["spec"]["volumeClaimTemplates"][0]["metadata"]["name"]);
    let effective = effective("embedded");
    let path = string(effective.at("/store/path"));
    let place = place("embedded", claim);
    assert!(path.starts_with(&format!("{place}/")), "{path}");
    assert_eq!(number(&workload["spec"]["replicas"]), 1);
}

fn keys(map: &Value) -> Vec<String> {
    map.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn nobody_is_ended_before_it_is_out_of_use_and_has_drained() {
    for way in WAYS {
        let pause = number(&container(way)["lifecycle"]["preStop"]["sleep"]["seconds"]);
        let whole = number(&pod(way)["terminationGracePeriodSeconds"]);
        let wanted = Duration::from_secs(pause) + effective(way).longest_end();
        assert!(Duration::from_secs(whole) > wanted, "{way}");
        assert!(pause >= 5, "{way}");
    }
    let deployment = workload("shared");
    assert!(number(&deployment["spec"]["replicas"]) >= 2);
    let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
    assert_eq!(number(&rolling["maxUnavailable"]), 0);
}

#[test]
fn selectors_and_references_lead_to_the_instances() {
    for way in WAYS {
        let workload = workload(way);
        let labels = &workload["spec"]["template"]["metadata"]["labels"];
        let selects = |selector: &Value| {
            let wanted: &Map<String, Value> = selector.as_object().unwrap();
            let fits = wanted.iter().all(|(key, value)| labels[key] == *value);
            assert!(fits && !wanted.is_empty(), "{way}: {selector}");
        };
        selects(&workload["spec"]["selector"]["matchLabels"]);
        selects(&of_kind(way, "Service")["spec"]["selector"]);
        for manifest in manifests(way) {
            match string(&manifest["kind"]) {
                "NetworkPolicy" => selects(&manifest["spec"]["podSelector"]["matchLabels"]),
                "PodDisruptionBudget" => selects(&manifest["spec"]["selector"]["matchLabels"]),
                _ => {}
            }
        }
        for spread in pod(way)["topologySpreadConstraints"]
            .as_array()
            .into_iter()
            .flatten()
        {
            selects(&spread["labelSelector"]["matchLabels"]);
        }
        let account = of_kind(way, "ServiceAccount");
        assert_eq!(pod(way)["serviceAccountName"], account["metadata"]["name"]);
        assert_eq!(account["automountServiceAccountToken"], Value::Bool(false));
    }
    of_kind("shared", "PodDisruptionBudget");
    let scaled = of_kind("autoscaling", "HorizontalPodAutoscaler");
    let target = &scaled["spec"]["scaleTargetRef"];
    let deployment = of_kind("autoscaling", "Deployment");
    for (there, here) in [
        ("kind", &deployment["kind"]),
        ("name", &deployment["metadata"]["name"]),
    ] {
        assert_eq!(target[there], *here);
    }
    assert!(number(&scaled["spec"]["minReplicas"]) >= 2);
}

#[test]
fn instances_run_as_the_images_user_and_can_do_nothing_else() {
    for way in WAYS {
        let pod = pod(way);
        let whole = &pod["securityContext"];
        assert_eq!(whole["runAsNonRoot"], Value::Bool(true));
        for key in ["runAsUser", "runAsGroup", "fsGroup"] {
            assert_eq!(number(&whole[key]), USER, "{way}: {key}");
        }
        assert_eq!(whole["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(pod["automountServiceAccountToken"], Value::Bool(false));
        let container = container(way);
        let own = &container["securityContext"];
        assert_eq!(own["allowPrivilegeEscalation"], Value::Bool(false));
        assert_eq!(own["readOnlyRootFilesystem"], Value::Bool(true));
        assert_eq!(strings(&own["capabilities"]["drop"]), ["ALL"]);
        for bound in ["requests", "limits"] {
            for what in ["cpu", "memory"] {
                assert!(
                    container["resources"][bound][what].is_string(),
                    "{bound} {what}"
                );
            }
        }
        let space = of_kind(way, "Namespace");
        let label = "pod-security.kubernetes.io/enforce";
        assert_eq!(space["metadata"]["labels"][label], "restricted");
    }
}

#[test]
fn the_network_lets_through_whom_the_configuration_asks() {
    for way in WAYS {
        let effective = effective(way);
        let mut open = Vec::new();
        for manifest in manifests(way) {
            if manifest["kind"] != "NetworkPolicy" {
                continue;
            }
            for rule in manifest["spec"]["egress"].as_array().into_iter().flatten() {
                open.extend(items(&rule["ports"]).iter().map(|one| number(&one["port"])));
            }
        }
        let mut asked = strings(effective.at("/account/0/upstream/0/addresses"));
        if way == "shared" {
            asked.extend(strings(effective.at("/store/addresses")));
        }
        for address in asked {
            assert!(open.contains(&port(address)), "{way}: {address}");
        }
        assert!(open.contains(&53) && open.contains(&443), "{way}: {open:?}");
    }
}
