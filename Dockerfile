# syntax=docker/dockerfile:1
# One image for all five services; the service and its process are arguments:
#   docker run IMAGE erasure api      docker run IMAGE erasure worker      docker run IMAGE migrate
ARG PYTHON=3.13

# Style sheet tokens and fonts, by the Node that comes as a wheel. The full image, because the slim one has no make.
FROM python:${PYTHON} AS front-end
WORKDIR /app
COPY requirements requirements
COPY Makefile package*.json ./
COPY shared shared
RUN make front-end

FROM python:${PYTHON}-slim AS libraries
COPY requirements/runtime.txt /tmp/runtime.txt
RUN python -m venv /opt/meguru \
 && /opt/meguru/bin/pip install --no-cache-dir --only-binary :all: --require-hashes -r /tmp/runtime.txt

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="Meguru" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin meguru \
 && install -d -o meguru -g meguru /var/lib/meguru
WORKDIR /app
ENV PATH=/opt/meguru/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MEGURU_FONTS=/app/shared/web/static/vendor/fonts
COPY --from=libraries /opt/meguru /opt/meguru
COPY LICENSE NOTICE ./
COPY shared shared
COPY services services
COPY verifier verifier
COPY meguru meguru
COPY --from=front-end /app/shared/web/static/vendor shared/web/static/vendor
RUN python -m compileall -q shared services verifier meguru
COPY --chmod=0555 <<'ENTRY' /usr/local/bin/serve
#!/bin/sh
set -eu
case "${1:-} ${2:-}" in
  "erasure api" | "tracking api" | "certificates api" | "refurb api" | "donations api")
    module=app
    export MEGURU_ROLE=api
    ;;
  "erasure worker" | "tracking worker" | "certificates worker" | "refurb worker" | "donations worker")
    module=worker
    ;;
  *) exec python -m meguru "$@" ;;
esac
export MEGURU_SERVICE="$1"
exec uvicorn "services.$1.$module:app" --host 0.0.0.0 --port 8000 --timeout-graceful-shutdown 25
ENTRY
USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["/usr/local/bin/serve"]
CMD ["--help"]
