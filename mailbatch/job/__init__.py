"""The job file: its model, loading with positions, secrets, and the JSON Schema.

    job = load_job(Path("job.yaml"))
    job.message.subject                 # "Hello {{ first_name }}"
    job.at("message.subject").place     # job.yaml:11:12
    list(job.files())                   # every file that a run reads

This room knows no other room. The package imports none of the modules, because pydantic is slow to
import: `mailbatch.job.model`, `.loader`, `.paths`, `.secrets` and `.schema` are imported by users.
"""
