# The image for every part of docker-compose.yml. It needs no network after the build: its packages contain the models.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/emodal
WORKDIR /source
COPY pyproject.toml requirements-image.txt README.md LICENSE NOTICE ./
# Every file is the one of its hash; then the program itself, built with what is there.
RUN /opt/emodal/bin/pip install --require-hashes --requirement requirements-image.txt
COPY emodal emodal
COPY emodal_data emodal_data
COPY emodal_model emodal_model
COPY flows flows
RUN /opt/emodal/bin/pip install --no-deps --no-build-isolation . \
    && find /opt/emodal -type d -name tests -path '*/site-packages/*' -prune -exec rm -rf {} +

FROM python:3.11-slim-bookworm
# Libraries that opencv-python links against.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 libxcb1 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --create-home emodal \
    && install --directory --owner emodal /data /data/build /data/films /home/emodal/.prefect
COPY --from=build /opt/emodal /opt/emodal
ENV PATH=/opt/emodal/bin:$PATH \
    DO_NOT_TRACK=1 \
    HF_HUB_OFFLINE=1 \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    PYTHONUNBUFFERED=1
USER emodal
WORKDIR /data
CMD ["emodal", "--help"]
