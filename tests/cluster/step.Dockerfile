# The image of the system tests' steps: packages (slow, made once), then the kit, then the project. tests/step_image.py
# builds it.
ARG PACKAGES
FROM ${PACKAGES}
COPY kit/*.whl /kit/
RUN pip install --quiet --disable-pip-version-check --no-index --no-deps /kit/*.whl
COPY project /project
WORKDIR /project
USER 1000:1000
