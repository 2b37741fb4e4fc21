"""Who may come through which of tracking's routes."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends

from services.tracking.commands.scans import Step
from shared.identity import Principal, Role, holding

SCANNERS: Mapping[Step, tuple[Role, ...]] = {
    "received": ("worker", "centre-manager"),
    "taken-over": ("clerk", "town-admin"),
}

Operator = Annotated[Principal, Depends(holding("platform-operator"))]
TownAdmin = Annotated[Principal, Depends(holding("town-admin"))]
Either = Annotated[Principal, Depends(holding("clerk", "town-admin", "worker", "centre-manager"))]
Clerk = Annotated[Principal, Depends(holding("clerk", "town-admin"))]
Approver = Annotated[Principal, Depends(holding("approver"))]
Worker = Annotated[Principal, Depends(holding("worker", "centre-manager"))]
Admin = Annotated[Principal, Depends(holding("town-admin", "centre-manager", "platform-operator"))]
