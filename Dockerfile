# docker build -t zskt .                                     CPU
# docker build -t zskt --build-arg TORCH=cu126 .             CUDA 12.6
# docker run -v "$PWD:/work" zskt distill --teacher model.onnx --student wrn-16-1 --minutes 20 --out student
FROM python:3.12-slim
ARG TORCH=cpu
COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/uv
COPY pyproject.toml README.md LICENSE /src/
COPY src /src/src
RUN uv pip install --system --no-cache --torch-backend "$TORCH" "/src[onnx]"
WORKDIR /work
ENTRYPOINT ["zskt"]
CMD ["--help"]
