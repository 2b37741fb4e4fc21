from services.donations.tables import metadata
from shared.migration import run

run(metadata)
