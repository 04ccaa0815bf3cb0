# asyncmigrate as a container: one command, no shell between it and its signals, no
# root, nothing written to its file system. The migrations are mounted at
# /app/migrations, or copied there by an image that is built FROM this one.

ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /source
COPY pyproject.toml setup.py README.md LICENSE ./
COPY asyncmigrate asyncmigrate
COPY migrations migrations
RUN pip wheel --no-cache-dir --wheel-dir /wheels . \
    && python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-cache-dir --no-index \
        --find-links /wheels asyncmigrate

FROM python:${PYTHON}-slim
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001:10001
ENTRYPOINT ["asyncmigrate"]
CMD ["migrate", "--wait-for-database", "30s"]
