"""Renders the topics as one AsyncAPI 3 document: who sends, who receives, what it carries."""

from __future__ import annotations

import yaml

from hexi_contracts.topic_source import TopicSource

HEAD = "# Generated from contracts/topics: run ./task gen.\n"
CLOUD_EVENT_HEADERS = (
    "ce_id ce_source ce_type ce_specversion ce_time ce_dataschema content-type traceparent"
)


def channel(topic: TopicSource) -> dict[str, object]:
    return {
        "address": topic.name,
        "description": topic.description,
        "messages": {"message": {"$ref": f"#/components/messages/{topic.constant}"}},
        "bindings": {
            "kafka": {"partitions": topic.partitions, "replicas": 1, "bindingVersion": "0.5.0"}
        },
    }


def message(topic: TopicSource) -> dict[str, object]:
    json_body = topic.message == "ocsf"
    return {
        "name": topic.message,
        "contentType": "application/json" if json_body else "application/protobuf",
        "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
        "payload": {"type": "object"} if json_body else {"type": "string", "format": "binary"},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": "0.5.0"}},
    }


def operation(topic: TopicSource, action: str) -> dict[str, object]:
    return {"action": action, "channel": {"$ref": f"#/channels/{topic.constant}"}}


def document(topics: list[TopicSource]) -> dict[str, object]:
    operations = {}
    for topic in topics:
        for producer in topic.producers:
            operations[f"{producer}.sends.{topic.constant}"] = operation(topic, "send")
        for reader in (*topic.consumers, *topic.readers):
            operations[f"{reader}.receives.{topic.constant}"] = operation(topic, "receive")
    headers = {name: {"type": "string"} for name in CLOUD_EVENT_HEADERS.split()}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Hexi", "version": "1.0.0", "license": {"name": "Apache-2.0"}},
        "defaultContentType": "application/protobuf",
        "channels": {topic.constant: channel(topic) for topic in topics},
        "operations": operations,
        "components": {
            "messages": {topic.constant: message(topic) for topic in topics},
            "schemas": {"CloudEventHeaders": {"type": "object", "properties": headers}},
        },
    }


def render(topics: list[TopicSource]) -> str:
    return HEAD + yaml.safe_dump(document(topics), sort_keys=False, allow_unicode=True)
