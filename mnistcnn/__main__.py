"""`python -m mnistcnn`."""

from mnistcnn.app.cli import app

app(prog_name="mnistcnn")
