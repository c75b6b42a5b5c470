# The node in an image: built in one stage, run in another that has neither compiler nor pip cache,
# as a user of its own, on a file system that may be read-only (all that is written is in /data).
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements/base.txt requirements/base.txt
RUN python -m venv /opt/routstr \
 && /opt/routstr/bin/pip install --require-hashes --only-binary :all: -r requirements/base.txt
COPY routstr/ routstr/
RUN site="$(/opt/routstr/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
 && cp -R routstr "$site/" \
 && /opt/routstr/bin/python -m compileall -q "$site/routstr" \
 && printf '#!/opt/routstr/bin/python\nfrom routstr.cli import main\n\nmain()\n' > /opt/routstr/bin/routstr \
 && chmod 0755 /opt/routstr/bin/routstr \
 && /opt/routstr/bin/routstr --help > /dev/null \
 && /opt/routstr/bin/pip uninstall --yes pip

FROM ${PYTHON_IMAGE}
RUN groupadd --system --gid 10001 routstr \
 && useradd --system --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin routstr \
 && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/routstr /opt/routstr
COPY models.json LICENSE /usr/share/routstr/
ENV PATH=/opt/routstr/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATABASE_URL=sqlite:////data/routstr.db \
    LOG_DIR=/data/logs \
    MODELS_PATH=/usr/share/routstr/models.json
WORKDIR /data
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/v1/info', timeout=4)"]
ENTRYPOINT ["routstr"]
CMD ["serve"]
