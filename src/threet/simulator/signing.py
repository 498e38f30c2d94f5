"""Who signed an action: recovers the address from the venue's two kinds of EIP-712 signature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack
from eth_hash.auto import keccak
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

MAINNET_SOURCE = "a"

_DOMAIN_TYPE = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_AGENT_TYPE = keccak(b"Agent(string source,bytes32 connectionId)")
_L1_DOMAIN = keccak(_DOMAIN_TYPE + keccak(b"Exchange") + keccak(b"1") + (1337).to_bytes(32, "big") + bytes(32))

# Actions that a person signs as typed data of their own: field names and types in the venue's order.
USER_SIGNED: Mapping[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "approveBuilderFee": (
        "ApproveBuilderFee",
        (("hyperliquidChain", "string"), ("maxFeeRate", "string"), ("builder", "address"), ("nonce", "uint64")),
    ),
    "approveAgent": (
        "ApproveAgent",
        (("hyperliquidChain", "string"), ("agentAddress", "address"), ("agentName", "string"), ("nonce", "uint64")),
    ),
    "usdSend": ("UsdSend", (("hyperliquidChain", "string"), ("destination", "string"), ("amount", "string"), ("time", "uint64"))),
    "withdraw3": ("Withdraw", (("hyperliquidChain", "string"), ("destination", "string"), ("amount", "string"), ("time", "uint64"))),
    "usdClassTransfer": (
        "UsdClassTransfer",
        (("hyperliquidChain", "string"), ("amount", "string"), ("toPerp", "bool"), ("nonce", "uint64")),
    ),
}


class UnreadableSignature(Exception):
    """The request has no signature that any key could have made."""


def recover_signer(
    action: Mapping[str, Any], nonce: int, signature: Mapping[str, Any], vault: str | None, expires_after: int | None
) -> str:
    """The lower-case address whose key signed the action. The action's keys must be in the order they came in.

    A signature over anything else gives the address of nobody, as on the venue. Raises UnreadableSignature.
    """
    try:
        user_signed = action.get("type") in USER_SIGNED
        digest = _user_signed_digest(action) if user_signed else l1_digest(action, nonce, vault, expires_after)
        vrs = (int(signature["v"]) - 27, int(signature["r"], 16), int(signature["s"], 16))
        public = Signature(vrs=vrs).recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError, AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise UnreadableSignature(str(error)) from error
    return str(public.to_address())


def l1_digest(action: Mapping[str, Any], nonce: int, vault: str | None, expires_after: int | None) -> bytes:
    """The 32 bytes that are signed for a trading action: msgpack, nonce, vault and expiry inside a phantom agent."""
    packed: bytes = msgpack.packb(action)
    packed += nonce.to_bytes(8, "big")
    packed += b"\x00" if vault is None else b"\x01" + bytes.fromhex(vault.removeprefix("0x"))
    if expires_after is not None:
        packed += b"\x00" + expires_after.to_bytes(8, "big")
    agent = keccak(_AGENT_TYPE + keccak(MAINNET_SOURCE.encode()) + keccak(packed))
    return keccak(b"\x19\x01" + _L1_DOMAIN + agent)


def _user_signed_digest(action: Mapping[str, Any]) -> bytes:
    """EIP-712 for flat messages, which is all the venue has: hash of type, domain and fields."""
    name, fields = USER_SIGNED[action["type"]]
    listed = ",".join(f"{kind} {field}" for field, kind in fields)
    encoded = b"".join(_encode(kind, action[field]) for field, kind in fields)
    message = keccak(keccak(f"HyperliquidTransaction:{name}({listed})".encode()) + encoded)
    chain = int(action["signatureChainId"], 16).to_bytes(32, "big")
    domain = keccak(_DOMAIN_TYPE + keccak(b"HyperliquidSignTransaction") + keccak(b"1") + chain + bytes(32))
    return keccak(b"\x19\x01" + domain + message)


def _encode(kind: str, value: Any) -> bytes:
    """One field as 32 bytes. Raises TypeError or ValueError for a value that is not of its kind."""
    if kind == "string":
        return keccak(str(value).encode())
    if kind == "address":
        return bytes.fromhex(value.removeprefix("0x")).rjust(32, b"\0")
    return int(value).to_bytes(32, "big")
