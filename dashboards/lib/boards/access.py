"""The part of todo-http about who may come in: limits, sign-ins, keys."""

from __future__ import annotations

from ..expr import age, gauge, increase, rate, select, zeroed
from ..links import board, errors, logs, runbook, traces
from ..panels import GREEN, ORANGE, RED, About, Panel, Query, by_pattern, color, high, low, stat, steps, timeseries


def limits() -> list[Panel]:
    """Who is refused, and whether all instances count together."""
    refused = zeroed(rate("rate_limit_refused_total", "policy"), "policy")
    fallback = zeroed(rate("rate_limit_fallback_total"))
    return [
        timeseries(
            "Refused by a limit",
            "reqps",
            About(
                "Requests per second that got 429, by policy.",
                "near 0.",
                "policy sign-in-*: somebody guesses passwords. Policy user or address: a client in a loop, or a limit too low.",
            ),
            [Query(refused, "{{policy}}")],
            [runbook("TodoRateLimitSpike"), board("todo-landing"), traces(), logs("| json")],
            w=10,
        ),
        timeseries(
            "Checks without Redis",
            "ops",
            About(
                "Checks per second that an instance made for itself because Redis did not answer.",
                "0.",
                "limits are then counted by each instance, so they are looser. Mend Redis: the service goes back by itself.",
            ),
            [Query(fallback, "without Redis")],
            [runbook("TodoLimiterFallback"), board("todo-landing"), errors()],
            w=8,
            thresholds=steps((None, GREEN), (0.01, ORANGE)),
        ),
        stat(
            "Instances without Redis",
            "none",
            About(
                "Instances for which Redis does not answer. No value: no Redis is configured.",
                "0.",
                "look at Redis and at the network to it. No request fails meanwhile.",
            ),
            [
                Query(
                    f"count({select('rate_limit_redis_up')}) - {gauge('sum', 'rate_limit_redis_up')}",
                    "without",
                    needs="redis",
                )
            ],
            [runbook("TodoRedisDown"), board("todo-landing")],
            w=6,
            h=8,
            thresholds=high(1, 1),
        ),
    ]


def sign_ins() -> list[Panel]:
    """Sign-ins, refreshes, bearer tokens."""
    sign_ins = zeroed(rate("auth_sign_ins_total", "outcome"), "outcome")
    refreshes = zeroed(rate("auth_refreshes_total", "outcome"), "outcome")
    refused = zeroed(rate("auth_tokens_refused_total", "reason"), "reason")
    return [
        timeseries(
            "Sign-ins",
            "ops",
            About(
                "Sign-ins per second by outcome.",
                "mostly succeeded.",
                "many wrong_credentials: somebody guesses. The limits for an account and for an address hold them back.",
            ),
            [Query(sign_ins, "{{outcome}}")],
            [runbook("TodoSignInFailureSpike"), board("todo-business"), traces(), logs("| json")],
            stack=True,
            overrides=[by_pattern("wrong", color=color(ORANGE)), by_pattern("succeeded", color=color(GREEN))],
        ),
        timeseries(
            "Refreshes of tokens",
            "ops",
            About(
                "Refreshes per second by outcome. `reused` means that a refresh token came twice: its session is revoked.",
                "renewed, and a few repeated ones after lost answers.",
                "any reused one may be a stolen token. Look for its session in the log lines and tell the person.",
            ),
            [Query(refreshes, "{{outcome}}")],
            [runbook("TodoRefreshTokensReused"), board("todo-business"), traces(), logs("| json")],
            stack=True,
            overrides=[by_pattern("reused", color=color(RED))],
        ),
        timeseries(
            "Bearer tokens refused",
            "ops",
            About(
                "Requests per second whose bearer token was refused, by reason.",
                "some expired ones, as clients notice and refresh.",
                "invalid after a rotation of keys: an instance does not see the folder of keys. Unknown: a program runs on.",
            ),
            [Query(refused, "{{reason}}")],
            [runbook("TodoTokensRefused"), board("todo-landing"), traces(), logs("| json")],
            stack=True,
        ),
    ]


def keys() -> list[Panel]:
    """What ends if nobody renews it."""
    left = f"min ({select('tls_certificate_not_after_timestamp_seconds')}) - time()"
    reloads = increase("tls_certificate_reloads_total", "outcome", window="$__range")
    return [
        stat(
            "Certificate valid for",
            "dtdurations",
            About(
                "Time until the TLS certificate of the API ends. No value: TLS ends before the service.",
                "more than 21 days.",
                "renew it. The service reads the files again by itself; see Reloads of the certificate.",
            ),
            [Query(left, "valid for", needs="tls")],
            [runbook("TodoCertificateExpiring"), board("todo-landing")],
            w=8,
            thresholds=low(7 * 86400, 21 * 86400),
            spark=False,
        ),
        stat(
            "Reloads of the certificate",
            "none",
            About(
                "How often the certificate was read again in the time that is shown, by outcome.",
                "a reload after each renewal, none that failed.",
                "a failed one keeps the old certificate. The log line says what is wrong with the files.",
            ),
            [Query(zeroed(reloads, "outcome"), "{{outcome}}")],
            [runbook("TodoCertificateReloadFailing"), board("todo-landing")],
            w=8,
            decimals=0,
        ),
        stat(
            "Age of the signing key",
            "dtdurations",
            About(
                "Time since the key that signs access tokens was made, at the instance with the oldest one.",
                "below the 90 days of your policy.",
                "`todo user rotate-keys`. Nobody is signed out by it. Just rotated: an instance does not see the new key.",
            ),
            [Query(age("auth_signing_key_created_timestamp_seconds", of="min"), "age")],
            [runbook("TodoSigningKeyOld"), board("todo-landing")],
            w=8,
            thresholds=high(90 * 86400, 180 * 86400),
            spark=False,
        ),
    ]
