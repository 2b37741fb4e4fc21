from services.tracking.tables import metadata
from shared.migration import run

run(metadata)
