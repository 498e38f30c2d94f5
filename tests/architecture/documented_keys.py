"""The keys that the documentation of Tempo 2, the OpenTelemetry collector and Grafana gives, as far as this project may want them.

These programs refuse an unknown key (Tempo, the collector) or overlook it in silence (Grafana),
and their images cannot be had everywhere; so the files are held against these lists. A key that is missing here is looked up first:
https://grafana.com/docs/tempo/latest/configuration/manifest/, https://opentelemetry.io/docs/collector/configuration/ and the README of each
component, https://grafana.com/docs/grafana/latest/administration/provisioning/ and .../setup-grafana/configure-grafana/.

A dict is a mapping with these keys, ``"*"`` any key in it, a list a sequence of such things; a type or a pattern is what stands at the end.
"""

from __future__ import annotations

import re
from typing import Any

DURATION = re.compile(r"(\d+(\.\d+)?(ms|s|m|h))+")  # Go's
ENDPOINT = re.compile(r"[\w.-]+:\d{2,5}")
URL = re.compile(r"http://[\w-]+:\d{2,5}")
LEVEL = re.compile(r"debug|info|warn|error")
PATH = re.compile(r"/[\w./-]+")
SECRET_FILE = re.compile(r"\$__file\{/run/secrets/[\w.]+\}")  # Grafana's way to read a value from a file

_TLS = {"insecure": bool, "insecure_skip_verify": bool, "ca_file": PATH, "cert_file": PATH, "key_file": PATH}
_GRPC_OR_HTTP = {"endpoint": ENDPOINT, "tls": _TLS, "max_recv_msg_size_mib": int}
_OTLP_RECEIVER = {"protocols": {"grpc": _GRPC_OR_HTTP, "http": _GRPC_OR_HTTP}}

TEMPO: Any = {
    "target": str,
    "server": {"http_listen_address": str, "http_listen_port": int, "grpc_listen_port": int, "log_level": LEVEL, "log_format": str},
    "distributor": {"receivers": {"otlp": _OTLP_RECEIVER}, "log_received_spans": {"enabled": bool}},
    "ingester": {"trace_idle_period": DURATION, "flush_check_period": DURATION, "max_block_duration": DURATION, "max_block_bytes": int},
    "compactor": {"compaction": {"block_retention": DURATION, "compacted_block_retention": DURATION, "compaction_window": DURATION}},
    "query_frontend": {"search": {"max_duration": DURATION}, "max_retries": int},
    "storage": {
        "trace": {
            "backend": re.compile("local|s3|gcs|azure"),
            "wal": {"path": PATH},
            "local": {"path": PATH},
            "pool": {"max_workers": int, "queue_depth": int},
            "blocklist_poll": DURATION,
        }
    },
    "overrides": {"defaults": {"ingestion": {"rate_limit_bytes": int, "burst_size_bytes": int, "max_traces_per_user": int}}},
    "usage_report": {"reporting_enabled": bool},
}

_READER = {"pull": {"exporter": {"prometheus": {"host": str, "port": int, "without_scope_info": bool, "without_units": bool}}}}
_PIPELINE = {"receivers": [str], "processors": [str], "exporters": [str]}

COLLECTOR: Any = {
    "extensions": {"health_check": {"endpoint": ENDPOINT, "path": PATH}},
    "receivers": {"otlp": _OTLP_RECEIVER},
    "processors": {
        "memory_limiter": {"check_interval": DURATION, "limit_mib": int, "spike_limit_mib": int, "limit_percentage": int},
        "batch": {"timeout": DURATION, "send_batch_size": int, "send_batch_max_size": int},
    },
    "exporters": {
        "otlp": {
            "endpoint": ENDPOINT,
            "compression": str,
            "timeout": DURATION,
            "tls": _TLS,
            "sending_queue": {"enabled": bool, "num_consumers": int, "queue_size": int, "block_on_overflow": bool},
            "retry_on_failure": {"enabled": bool, "initial_interval": DURATION, "max_interval": DURATION, "max_elapsed_time": DURATION},
        }
    },
    "service": {
        "extensions": [str],
        "telemetry": {
            "logs": {"level": LEVEL, "encoding": str},
            "metrics": {"level": re.compile("none|basic|normal|detailed"), "readers": [_READER]},
        },
        "pipelines": {"traces": _PIPELINE, "metrics": _PIPELINE, "logs": _PIPELINE},
    },
}

DATASOURCES: Any = {
    "apiVersion": int,
    "datasources": [
        {
            "name": str,
            "uid": str,
            "type": re.compile("prometheus|tempo|mysql"),
            "access": re.compile("proxy"),
            "url": re.compile(r"http://[\w-]+:\d{2,5}|[\w-]+:\d{2,5}"),
            "user": str,
            "isDefault": bool,
            "editable": bool,
            # jsonData's keys are each plugin's own; these are of the MySQL source, and of Prometheus the last.
            "jsonData": {
                "database": str,
                "timezone": str,
                "maxOpenConns": int,
                "maxIdleConns": int,
                "connMaxLifetime": int,
                "tlsAuth": bool,
                "tlsAuthWithCACert": bool,
                "tlsSkipVerify": bool,
                "timeInterval": DURATION,
            },
            "secureJsonData": {
                "password": SECRET_FILE,
                "tlsCACert": SECRET_FILE,
                "tlsClientCert": SECRET_FILE,
                "tlsClientKey": SECRET_FILE,
            },
        }
    ],
}

DASHBOARD_PROVIDERS: Any = {
    "apiVersion": int,
    "providers": [
        {
            "name": str,
            "folder": str,
            "folderUid": str,
            "type": re.compile("file"),
            "orgId": int,
            "disableDeletion": bool,
            "editable": bool,
            "allowUiUpdates": bool,
            "updateIntervalSeconds": int,
            "options": {"path": PATH, "foldersFromFilesStructure": bool},
        }
    ],
}

_SOURCE = {"type": re.compile("prometheus|mysql"), "uid": str}
_SQL_TARGET = {"rawQuery": bool, "rawSql": str, "format": re.compile("time_series|table"), "editorMode": re.compile("code|builder")}
_PROMETHEUS_TARGET = {"expr": str, "legendFormat": str, "instant": bool, "range": bool, "interval": str}

DASHBOARD: Any = {
    "uid": str,
    "title": str,
    "tags": [str],
    "timezone": str,
    "schemaVersion": int,
    "editable": bool,
    "refresh": DURATION,
    "time": {"from": str, "to": str},
    "templating": {"list": list},
    "annotations": {"list": list},
    "panels": [
        {
            "id": int,
            "title": str,
            "description": str,
            "datasource": _SOURCE,
            "type": re.compile("timeseries|barchart|table|stat|gauge"),
            "gridPos": {"x": int, "y": int, "w": int, "h": int},
            "targets": [{"refId": str, "datasource": _SOURCE, **_SQL_TARGET, **_PROMETHEUS_TARGET}],
            "fieldConfig": {"defaults": {"unit": str, "decimals": int, "min": float, "max": float}, "overrides": list},
            "options": dict,
        }
    ],
}

_SWITCH = re.compile("true|false")
GRAFANA_INI: Any = {
    "server": {"http_addr": str, "http_port": re.compile(r"\d+"), "domain": str, "root_url": str},
    "security": {
        "admin_user": str,
        "admin_password": SECRET_FILE,
        "disable_gravatar": _SWITCH,
        "cookie_secure": _SWITCH,
        "cookie_samesite": re.compile("lax|strict|none|disabled"),
    },
    "users": {"allow_sign_up": _SWITCH, "allow_org_create": _SWITCH, "default_theme": str},
    "auth.anonymous": {"enabled": _SWITCH, "org_role": str},
    "analytics": {
        "reporting_enabled": _SWITCH,
        "check_for_updates": _SWITCH,
        "check_for_plugin_updates": _SWITCH,
        "feedback_links_enabled": _SWITCH,
    },
    "news": {"news_feed_enabled": _SWITCH},
    "dashboards": {"default_home_dashboard_path": PATH, "min_refresh_interval": DURATION},
    "log": {"mode": re.compile("console|file|syslog"), "level": re.compile("debug|info|warn|error|critical"), "filters": str},
}
