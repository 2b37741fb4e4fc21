"""The contracts: what each service publishes. A class here is a promise for ever; see CONTRIBUTING, "New event"."""

from shared.events import certificates, donations, erasure, refurb, tracking

__all__ = ["certificates", "donations", "erasure", "refurb", "tracking"]
