"""`python -m mnistcnn`."""

from mnistcnn.cli import app

app(prog_name="mnistcnn")
