"""One machine's stack: PostgreSQL, NATS, the five services, the gateway, and where traces go."""
