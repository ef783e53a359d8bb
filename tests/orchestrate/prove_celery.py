"""Airflow's CeleryExecutor with two workers and Meltano, whose database they share; one worker is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.orchestrate.accounts import FAILS, KILLED, NAMES, OWN_USAGES, SHARED, USAGES, Account, accounts
from tests.orchestrate.engine import WORKERS, Airflow
from tests.orchestrate.judge import Server, nothing_secret_is_told, rows_are_right
from tests.orchestrate.project import MELTANO, Project
from tests.orchestrate.prove_local import made
from tests.orchestrate.services import Services, descendants, running, timed, until

# Stands for the five minutes after which Meltano takes a run without a heartbeat for dead.
STATE_ID = "dev:tap-usage-to-target-postgres:{}"
AGED = "update runs set last_heartbeat_at = last_heartbeat_at - interval '6 minutes' where job_name = '{}'"


def prove(server: Server, folder: Path) -> None:
    """Run the DAG with two workers."""
    with ExitStack() as stack:
        tenants = stack.enter_context(accounts())
        databases = ("airflow_celery", "meltano", "usage_celery")
        server.make(*databases)
        project = made(folder, "meltano", server, "usage_celery", tenants)
        system = {"MELTANO_DATABASE_URI": server.url("meltano")}
        airflow = Airflow(project, server, "airflow_celery", MELTANO, **system)
        airflow.ready()
        with timed("celery: scheduler, DAG processor, API server, broker and two workers start"):
            airflow.start("CeleryExecutor", stack)
        tenants[FAILS].refuse_once()
        tenants[KILLED].wait()
        with timed("celery: eight tenants, Meltano, two workers of two tasks, one fails in part, a worker is lost"):
            airflow.trigger()
            assert tenants[KILLED].halfway.wait(300)
            until("the second try succeeds", lambda: airflow.tasks().get(FAILS, ("",))[0] == "success")
            lost, with_it = lost_worker(airflow.services)
            ended = airflow.services.kill(lost)
            tenants[KILLED].go_on()
            for name in with_it:
                server.ask("meltano", AGED.format(STATE_ID.format(name)))
            tasks = airflow.wait()
        assert {state for state, _ in tasks.values()} == {"success"}, tasks
        assert tasks.keys() == tenants.keys()
        assert tasks[FAILS][1] == 2 <= tasks[KILLED][1], tasks
        again = airflow.told(FAILS)["streams"][USAGES]
        assert OWN_USAGES <= again["rows"] <= OWN_USAGES + 10, again
        assert not airflow.overlap(SHARED)
        tries = {name: number for name, (_, number) in tasks.items() if number > 1}
        done = {name: airflow.services.log(name).count("succeeded in") for name in WORKERS}
        assert all(done.values()), done
        rows = rows_are_right(server, "usage_celery", tenants)
        states = server.ask("meltano", "select state_id from state order by 1")
        assert [state for (state,) in states] == [
            f"dev:tap-usage-to-target-postgres:{name}" for name in sorted(tenants)
        ]
        print(f"celery: {rows} rows, each once, each in its tenant's schema; tasks by worker: {done}")
        print(f"celery: {lost} was lost with {ended} processes and the runs of {with_it}; tries: {tries}")
        print(f"celery: {FAILS} read {again['rows']} of {len(tenants[FAILS].ids)} usages in its second try")
        tenants[KILLED].wait()
        with held_again(project, tenants[KILLED], system):
            second = project.extract(KILLED, **system)
        assert second.code == 1, second.log
        assert "pipeline is already running" in second.log
        print("celery: Meltano refuses a tenant that is being extracted already, from whichever worker")
    told = nothing_secret_is_told(server, databases, folder, tenants)
    print(f"celery: {told}; {airflow.services.peak_kilobytes / 1024:.0f} MB PSS at most")


def lost_worker(services: Services) -> tuple[str, list[str]]:
    """Return the worker that runs a tenant, and all the tenants that it runs."""
    theirs = {worker: set(descendants(services.processes[worker].pid)) for worker in WORKERS}
    (lost,) = [worker for worker, processes in theirs.items() if set(running(f"extract.py {KILLED}")) & processes]
    return lost, [name for name in NAMES if set(running(f"extract.py {name}")) & theirs[lost]]


@contextmanager
def held_again(project: Project, account: Account, variables: Mapping[str, str]) -> Iterator[None]:
    """Extract a tenant until its vendor keeps it waiting."""
    with project.start(account.name, **variables) as process:
        try:
            assert account.halfway.wait(300)
            yield
        finally:
            process.terminate()
            process.communicate()
