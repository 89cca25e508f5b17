"""The components: what is mounted is what the settings name, who may talk to whom, and Strimzi's
topics and users are the declared ones.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from streams.config import load_settings
from streams.contract.topics import TOPICS, declared_configs, declared_partitions
from tests.deploy.acl_table import roles, rules
from tests.deploy.binaries import needs_kubectl
from tests.deploy.rendering import (
    Resources,
    of_kind,
    one,
    pods,
    render,
    settings_data,
    templates,
)

pytestmark = needs_kubectl
ROLE_OF = {"worker": "worker", "serving": "serving", "topics": "operator", "refresh": "encoder"}
TLS_FILES = ("KAFKA_SSL_CAFILE", "KAFKA_SSL_CERTFILE", "KAFKA_SSL_KEYFILE")


def secret_at(pod: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """The Secret that is mounted in the folder of a file, and the file's name in it."""
    (container,) = pod["containers"]
    file = PurePosixPath(path)
    (mount,) = [each for each in container["volumeMounts"] if each["mountPath"] == str(file.parent)]
    assert mount["readOnly"] is True
    (volume,) = [each for each in pod["volumes"] if each["name"] == mount["name"]]
    secret: dict[str, Any] = volume["secret"]
    return secret, file.name


@pytest.mark.parametrize("layer", ["base", "overlays/dev", "overlays/production"])
def test_tls_mounts_the_authority_that_the_settings_name_into_every_pod(layer: str) -> None:
    made = render(layer, "tls")
    settings = load_settings(settings_data(made))
    assert settings.security_protocol == "SSL"
    assert len(pods(made)) == 4
    for pod in pods(made):
        secret, file = secret_at(pod, settings.ssl_cafile)
        assert secret["secretName"] == "kafka-cluster-ca-cert"
        assert [each["path"] for each in secret["items"]] == [file]


def test_mtls_gives_every_pod_the_certificate_and_the_key_of_its_role() -> None:
    made = render("base", "mtls")
    settings = load_settings(settings_data(made))
    for pod in pods(made):
        (container,) = pod["containers"]
        secret_at(pod, settings.ssl_cafile)
        for path, expected in (
            (settings.ssl_certfile, "tls.crt"),
            (settings.ssl_keyfile, "tls.key"),
        ):
            secret, file = secret_at(pod, path)
            assert secret["secretName"] == f"slatestream-{ROLE_OF[container['name']]}"
            assert file == expected


def test_a_key_is_readable_for_the_pods_group_and_nobody_else() -> None:
    made = render("base", "mtls")
    keyfile = settings_data(made)["KAFKA_SSL_KEYFILE"]
    for pod in pods(made):
        secret, _ = secret_at(pod, keyfile)
        assert secret["defaultMode"] == 0o440
        assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]


def test_scram_logs_in_over_tls() -> None:
    data = settings_data(render("base", "tls", "scram"))
    secrets = {"KAFKA_SASL_USERNAME": "me", "KAFKA_SASL_PASSWORD": "p"}
    settings = load_settings(data | secrets)
    assert (settings.security_protocol, settings.sasl_mechanism) == ("SASL_SSL", "SCRAM-SHA-512")


@pytest.mark.parametrize("more", [(), ("strimzi",)], ids=["cert-manager", "strimzi"])
def test_keda_shows_the_workers_certificate(more: tuple[str, ...]) -> None:
    made = render("base", "keda", "mtls", "keda-mtls", *more)
    login = one(made, "TriggerAuthentication")
    worker = one(made, "StatefulSet")["spec"]["template"]["spec"]
    given = {
        each["parameter"]: (each["name"], each["key"]) for each in login["spec"]["secretTargetRef"]
    }
    for parameter, name in zip(("ca", "cert", "key"), TLS_FILES, strict=True):
        secret, file = secret_at(worker, settings_data(made)[name])
        assert given[parameter] == (secret["secretName"], file)
    for trigger in one(made, "ScaledObject")["spec"]["triggers"]:
        assert trigger["metadata"]["tls"] == "enable"
        assert trigger["authenticationRef"]["name"] == login["metadata"]["name"]


def test_without_a_shared_volume_serving_has_room_for_what_it_reads_from_kafka() -> None:
    made = render("base")
    directory = str(load_settings(settings_data(made)).releases_dir)
    (pod,) = pods(of_kind(made, "Deployment"))
    (mount,) = [
        each for each in pod["containers"][0]["volumeMounts"] if each["mountPath"] == directory
    ]
    (volume,) = [each for each in pod["volumes"] if each["name"] == mount["name"]]
    assert volume.keys() == {"name", "emptyDir"}
    assert not mount.get("readOnly", False)


def test_releases_are_written_by_the_job_and_read_by_serving() -> None:
    made = render("base", "releases")
    claim = one(made, "PersistentVolumeClaim", "slatestream-releases")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    directory = str(load_settings(settings_data(made)).releases_dir)
    for kind, read_only in (("Deployment", True), ("CronJob", False)):
        (pod,) = pods(of_kind(made, kind))
        (mount,) = [
            each for each in pod["containers"][0]["volumeMounts"] if each["mountPath"] == directory
        ]
        (volume,) = [each for each in pod["volumes"] if each["name"] == mount["name"]]
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        assert "emptyDir" not in volume
        assert mount.get("readOnly", False) is read_only
        assert "subPath" not in mount


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    return bool(selector.get("matchLabels", {}).items() <= labels.items()) and all(
        labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", [])
    )


def test_the_network_policy_lets_in_only_where_somebody_listens() -> None:
    made = render("base", "network-policy")
    policies = [each["spec"] for each in of_kind(made, "NetworkPolicy")]
    for template in templates(made):
        labels = template["metadata"]["labels"]
        mine = [each for each in policies if selects(each["podSelector"], labels)]
        assert {"Ingress", "Egress"} <= {kind for each in mine for kind in each["policyTypes"]}
        ports = {
            port["port"]
            for each in mine
            for rule in each.get("ingress", [])
            for port in rule["ports"]
        }
        listening = {
            port["name"]
            for container in template["spec"]["containers"]
            for port in container.get("ports", [])
        }
        assert ports == listening
        out = {
            port["port"]
            for each in mine
            for rule in each.get("egress", [])
            for port in rule["ports"]
        }
        assert out == {53, 9092, 9093}


def test_the_pod_monitor_reads_workers_and_serving_processes() -> None:
    made = render("base", "monitoring")
    spec = one(made, "PodMonitor")["spec"]
    read = {
        template["metadata"]["labels"]["app.kubernetes.io/component"]: template["spec"]
        for template in templates(made)
        if selects(spec["selector"], template["metadata"]["labels"])
    }
    assert read.keys() == {"worker", "serving"}
    (endpoint,) = spec["podMetricsEndpoints"]
    for pod in read.values():
        assert endpoint["port"] in [port["name"] for port in pod["containers"][0]["ports"]]


def test_the_ingress_leads_to_the_serving_processes_and_shows_v1_only() -> None:
    made = render("base", "ingress")
    (rule,) = one(made, "Ingress")["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/v1", "Prefix")
    backend = path["backend"]["service"]
    (service,) = [
        each for each in of_kind(made, "Service") if each["metadata"]["name"] == backend["name"]
    ]
    assert service["spec"]["selector"]["app.kubernetes.io/component"] == "serving"
    assert backend["port"]["name"] in [port["name"] for port in service["spec"]["ports"]]


@pytest.fixture(scope="module")
def strimzi() -> Resources:
    return render("base", "mtls", "strimzi")


def test_strimzi_makes_the_declared_topics(strimzi: Resources) -> None:
    settings = load_settings(settings_data(strimzi))
    found = {each["metadata"]["name"]: each for each in of_kind(strimzi, "KafkaTopic")}
    assert found.keys() == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        spec = found[topic.name]["spec"]
        assert spec["partitions"] == declared_partitions(topic, settings.topic_partitions)
        assert spec["replicas"] == settings.topic_replication
        configs = {name: str(value) for name, value in spec["config"].items()}
        assert configs == declared_configs(topic, settings.topic_replication)
    assert not of_kind(strimzi, "Job")  # of two that make topics one is too many


def test_strimzi_gives_every_role_its_rights_and_no_others(strimzi: Resources) -> None:
    users = {each["metadata"]["name"]: each["spec"] for each in of_kind(strimzi, "KafkaUser")}
    assert users.keys() == {f"slatestream-{role}" for role in roles()}
    for role in roles():
        spec = users[f"slatestream-{role}"]
        assert spec["authentication"] == {"type": "tls"}
        assert spec["authorization"]["type"] == "simple"
        given = {
            (operation, resource["type"], resource["name"], resource["patternType"])
            for rule in spec["authorization"]["acls"]
            for resource in (rule["resource"],)
            for operation in rule["operations"]
        }
        assert given == rules(role), role


def test_pods_use_the_secrets_that_strimzi_makes(strimzi: Resources) -> None:
    users = {each["metadata"]["name"] for each in of_kind(strimzi, "KafkaUser")}
    data = settings_data(strimzi)
    for pod in pods(strimzi):
        for name, file in zip(TLS_FILES[1:], ("user.crt", "user.key"), strict=True):
            secret, mounted = secret_at(pod, data[name])
            assert secret["secretName"] in users
            assert mounted == file
    clusters = {
        each["metadata"]["labels"]["strimzi.io/cluster"]
        for kind in ("KafkaTopic", "KafkaUser")
        for each in of_kind(strimzi, kind)
    }
    assert clusters == {"kafka"}
    assert data["KAFKA_BOOTSTRAP_SERVERS"].startswith("kafka-kafka-bootstrap:")
