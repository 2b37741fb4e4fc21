from shared.stack.postgres import BadCluster
from shared.stack.stack import SERVICES, Stack, StackInUse, serve
from shared.stack.supervisor import DidNotStart

__all__ = ["SERVICES", "BadCluster", "DidNotStart", "Stack", "StackInUse", "serve"]
