"""The settings of brokers and logins."""

from streams.setting import Setting

SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
OAUTH = "OAUTHBEARER"
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", OAUTH)

KAFKA_SETTINGS = (
    Setting(
        "KAFKA_BOOTSTRAP_SERVERS",
        "bootstrap_servers",
        "localhost:9092",
        str,
        "brokers, host:port separated by commas",
    ),
    Setting(
        "KAFKA_SECURITY_PROTOCOL",
        "security_protocol",
        "PLAINTEXT",
        str,
        "how to talk to the brokers",
        choices=SECURITY_PROTOCOLS,
    ),
    Setting(
        "KAFKA_SASL_MECHANISM",
        "sasl_mechanism",
        "PLAIN",
        str,
        "how to log in, with SASL_*",
        choices=SASL_MECHANISMS,
    ),
    Setting("KAFKA_SASL_USERNAME", "sasl_username", "", str, "user, with SASL_*"),
    Setting("KAFKA_SASL_PASSWORD", "sasl_password", "", str, "password, with SASL_*", secret=True),
    Setting(
        "KAFKA_SSL_CAFILE",
        "ssl_cafile",
        "",
        str,
        "PEM file of the authority that signed the brokers' certificates",
    ),
    Setting("KAFKA_SSL_CERTFILE", "ssl_certfile", "", str, "PEM file of the client's certificate"),
    Setting("KAFKA_SSL_KEYFILE", "ssl_keyfile", "", str, "PEM file of the client's key"),
    Setting(
        "KAFKA_SSL_KEY_PASSPHRASE",
        "ssl_key_passphrase",
        "",
        str,
        "passphrase of that key, where it has one",
        secret=True,
    ),
    Setting(
        "KAFKA_SASL_OAUTH_TOKEN_URL",
        "sasl_oauth_token_url",
        "",
        str,
        "token endpoint of OAUTHBEARER, for the client-credentials grant",
    ),
    Setting(
        "KAFKA_SASL_OAUTH_CLIENT_ID", "sasl_oauth_client_id", "", str, "client id at that endpoint"
    ),
    Setting(
        "KAFKA_SASL_OAUTH_CLIENT_SECRET",
        "sasl_oauth_client_secret",
        "",
        str,
        "client secret at that endpoint",
        secret=True,
    ),
    Setting("KAFKA_SASL_OAUTH_SCOPE", "sasl_oauth_scope", "", str, "scope asked for there"),
    Setting(
        "KAFKA_SASL_OAUTH_PROVIDER",
        "sasl_oauth_provider",
        "",
        str,
        "in place of the endpoint: an entry point or `module:function` that gives tokens",
    ),
)
