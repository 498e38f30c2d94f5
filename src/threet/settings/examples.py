"""How a value of secrets.example.yml is recognised: valid in mode simulator, refused in the other two.

The example's keys are sha256 of a sentence that names them, so that anybody can see that nobody's money hangs on them.
"""

from __future__ import annotations

import hashlib

EXAMPLE_PREFIX = "example-"
EXAMPLE_ADDRESS = "0x2b6C95016B295dB8AC4ccbB688cc774d9CCcCF80"
EXAMPLE_PUBLIC_KEYS = frozenset(
    {
        "fb1447bd9eb119a8b769885a7b34ff6e351781191e9f4a7352050a7b964bda25",
        "64aa110d4c6aad777d8999a04cb6edacc0066ed11b68bb7b61ca83084fc8966c",
        "acdd61e2857b48deca34bc632abbe397bc00ecc94487f646a80ab472aae64ba8",
    }
)


def example_key(name: str) -> str:
    """32 bytes as hex: the example's value of the secret with this dotted name."""
    return hashlib.sha256(f"3T example {name}".encode()).hexdigest()


def is_example(name: str, value: str) -> bool:
    """Whether the secret ``name`` still has the example's value."""
    plain = value.lower().removeprefix("0x")
    return value.startswith(EXAMPLE_PREFIX) or plain == example_key(name) or plain == EXAMPLE_ADDRESS.lower().removeprefix("0x")
