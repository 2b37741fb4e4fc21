from meguru.cli import app

app(prog_name="meguru")
