from services.erasure.tables import metadata
from shared.migration import run

run(metadata)
