"""Signature recovery, held against an independent implementation of EIP-712."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak

from threet.simulator.signing import USER_SIGNED, UnreadableSignature, l1_digest, recover_signer

KEY = PrivateKey(b"\x07" * 32)
ADDRESS = KEY.public_key.to_address()
ACTION = {
    "type": "order",
    "orders": [{"a": 0, "b": True, "p": "1.5", "s": "2", "r": False, "t": {"limit": {"tif": "Ioc"}}}],
    "grouping": "na",
}
VAULT = "0x" + "ab" * 20


def _signature(digest: bytes) -> dict[str, Any]:
    signed = KEY.sign_msg_hash(digest)
    return {"r": hex(signed.r), "s": hex(signed.s), "v": signed.v + 27}


def _typed(domain_name: str, chain: int, types: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    domain = {"name": domain_name, "version": "1", "chainId": chain, "verifyingContract": "0x" + "0" * 40}
    signed = Account.sign_message(encode_typed_data(domain, types, message), KEY.to_bytes())
    return {"r": hex(signed.r), "s": hex(signed.s), "v": signed.v}


@pytest.mark.parametrize(("vault", "expires"), [(None, None), (VAULT, None), (None, 1_800_000_000_000), (VAULT, 1_800_000_000_000)])
def test_the_signer_of_a_trading_action_is_recovered(vault: str | None, expires: int | None) -> None:
    signature = _signature(l1_digest(ACTION, 1_800_000_000_001, vault, expires))
    assert recover_signer(ACTION, 1_800_000_000_001, signature, vault, expires) == ADDRESS


def test_the_phantom_agent_is_the_typed_data_that_wallets_sign() -> None:
    nonce = 1_800_000_000_001
    connection = keccak(msgpack.packb(ACTION) + nonce.to_bytes(8, "big") + b"\x00")
    types = {"Agent": [{"name": "source", "type": "string"}, {"name": "connectionId", "type": "bytes32"}]}
    signature = _typed("Exchange", 1337, types, {"source": "a", "connectionId": connection})
    assert recover_signer(ACTION, nonce, signature, None, None) == ADDRESS


@pytest.mark.parametrize(
    "changed",
    [
        {"action": {**ACTION, "grouping": "normalTpsl"}},
        {"action": {"orders": ACTION["orders"], "type": "order", "grouping": "na"}},  # the order of keys is signed too
        {"nonce": 2},
        {"vault": VAULT},
        {"expires_after": 3},
    ],
)
def test_any_change_after_signing_makes_another_signer(changed: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"action": ACTION, "nonce": 1, "vault": None, "expires_after": None, **changed}
    assert recover_signer(signature=_signature(l1_digest(ACTION, 1, None, None)), **asked) != ADDRESS


VALUES = {"string": "Mainnet", "address": "0x6530512A6c89C7cfCEbC3BA7fcD9aDa5f30827a6", "uint64": 1_800_000_000_000, "bool": True}


@pytest.mark.parametrize("kind", sorted(USER_SIGNED))
def test_actions_signed_by_a_person_agree_with_another_implementation(kind: str) -> None:
    name, fields = USER_SIGNED[kind]
    message = {field: VALUES[kind_] for field, kind_ in fields}
    types = {f"HyperliquidTransaction:{name}": [{"name": field, "type": kind_} for field, kind_ in fields]}
    signature = _typed("HyperliquidSignTransaction", 0x66EEE, types, message)
    action = {"type": kind, "signatureChainId": "0x66eee", **message}
    assert recover_signer(action, 1, signature, None, None) == ADDRESS


@pytest.mark.parametrize(
    "signature",
    [
        {},
        {"r": "0x0", "s": "0x0", "v": 27},
        {"r": "zz", "s": "0x1", "v": 27},
        {"r": "0x1", "s": "0x1", "v": 99},
        {"r": None, "s": "0x1", "v": 27},
    ],
)
def test_a_signature_that_no_key_could_have_made_is_unreadable(signature: dict[str, Any]) -> None:
    with pytest.raises(UnreadableSignature):
        recover_signer(ACTION, 1, signature, None, None)
