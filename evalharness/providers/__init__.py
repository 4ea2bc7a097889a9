"""
One replay call each over the vendors' official SDKs: a validated `Reply`, or a `Failure` that says what it may have cost.

    clients     Clients: one SDK client per endpoint, opened and closed together
    endpoint    where a tier's requests go, with which key; what never leaves the process
    anthropic   Anthropic's Messages
    openai      OpenAI's chat completions and Responses, and every server compatible with them
    failure     what an error says about the work and its price
"""

from evalharness.providers.clients import Clients

__all__ = ["Clients"]
