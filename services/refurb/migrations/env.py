from services.refurb.tables import metadata
from shared.migration import run

run(metadata)
