"""layerloop-mpi on ranks of this machine: ranks.py openmpi|mpich PROGRAM"""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

MPI, PROGRAM = sys.argv[1:]
OPTIONS = {
    "openmpi": ["--oversubscribe", "--bind-to", "none"],
    "mpich": ["-bind-to", "none"],
}[MPI]
# All of a run through TCP, as between machines.
NETWORK = {
    "openmpi": ["--mca", "btl", "tcp,self", "--mca", "pml", "ob1", "--mca", "btl_tcp_if_include", "lo"],
    "mpich": ["-genv", "MPIR_CVAR_NOLOCAL", "1", "-genv", "UCX_TLS", "tcp,self", "-genv", "UCX_NET_DEVICES", "lo", "-iface", "lo"],
}[MPI]
ENVIRONMENT = {
    **os.environ,
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    # Waiting ranks leave the processors to the others.
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}
# Seconds until every rank must have ended after one of them failed; without a processor for each, and with 10 s of silence.
SOON = 30

DIGITS = ["train", "digits", "--epochs", "2", "--micro-batches", "8", "--batch", "64"]
DATA = pathlib.Path(os.environ.get("LAYERLOOP_DATA", pathlib.Path(__file__).parents[3] / "shared/data"))
NOTEBOOK = ["train", "mnist", "--data-dir", str(DATA), "--epochs", "1", "--micro-batches", "16"]
ADULT = ["train", str(DATA / "tabular/adult_train.csv.gz"), "--target", "income", "--recipe", "realmlp", "--epochs", "1",
         "--micro-batches", "16"]
STREAMED = ["--max-memory", "900MB"]
PENGUINS = ["train", "penguins", "--recipe", "realmlp", "--epochs", "6", "--micro-batches", "8"]


def command(ranks, arguments, network=False):
    return [f"mpirun.{MPI}", "-n", str(ranks), *OPTIONS, *(NETWORK if network else []), PROGRAM, *arguments]


def run(ranks, arguments, network=False, within=600, **more):
    """What it printed, after its exit code."""
    return subprocess.run(
        command(ranks, arguments, network), capture_output=True, text=True, env=ENVIRONMENT, timeout=within, **more
    )


def done(result):
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    ends = [line for line in result.stdout.splitlines() if '"event":"done"' in line]
    assert len(ends) == 1, f"{len(ends)} runs where there should be one: the program was built for another MPI library"
    return json.loads(ends[0])


def trained(ranks, arguments, **more):
    return done(run(ranks, [*arguments, "--no-save", "--json"], **more))["weights_sha256"]


def one_hash():
    for job in [DIGITS, [*DIGITS, "--dropout", "0.2"], PENGUINS]:
        alone = done(
            subprocess.run([PROGRAM, *job, "--no-save", "--json"], capture_output=True, text=True, env=ENVIRONMENT)
        )["weights_sha256"]
        for ranks, threads in [(1, 2), (2, 1), (2, 2), (3, 1), (4, 1), (4, 2), (8, 1)]:
            found = trained(ranks, [*job, "--threads", str(threads)])
            assert found == alone, f"{job}: {found} on {ranks} ranks of {threads} threads, {alone} on one"
        print(f"{' '.join(job)}: {alone[:8]} on 1, 2, 3, 4 and 8 ranks of 1 or 2 threads")


def one_hash_of_rows_on_a_disk():
    if not DATA.is_dir():
        return print(f"NOT RUN: rows on a disk, which need the data sets in {DATA}")
    for job in [NOTEBOOK, ADULT]:
        alone = trained(1, job)
        for ranks, threads in [(1, 2), (2, 1), (4, 1), (8, 1)]:
            # Eight ranks on two processors take long.
            for storage in [[], STREAMED] if ranks < 8 else [STREAMED]:
                found = trained(ranks, [*job, *storage, "--threads", str(threads)])
                assert found == alone, f"{job} {storage}: {found} on {ranks} ranks of {threads} threads, {alone} on one"
        print(f"{pathlib.Path(job[1]).name} {job[6]}: {alone[:8]} on 1, 2 and 4 ranks, of rows in memory and on a disk, and on 8 of rows on a disk")


def children(of):
    """The processes of the ranks below a process."""
    found = []
    for path in pathlib.Path("/proc").iterdir():
        if not path.name.isdigit():
            continue
        try:
            program = os.readlink(path / "exe")
            if program == PROGRAM and below(int(path.name), of):
                found.append(int(path.name))
        except OSError:
            continue
    return sorted(found)


def below(pid, of):
    while pid > 1:
        if pid == of:
            return True
        pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return False


def ended(process, since, what):
    """Waits until mpirun and all its ranks are gone."""
    try:
        output = process.communicate(timeout=SOON)
    finally:
        process.kill()
    seconds = time.monotonic() - since
    assert process.returncode != 0, (what, output)
    return seconds, output


def newest(place):
    """The step of the newest checkpoint."""
    steps = [int(path.stem.removeprefix("step-")) for path in pathlib.Path(place).glob("checkpoints/step-*.safetensors")]
    return max(steps, default=0)


def killed(chance):
    """A rank is killed at random moments; the run goes on with other numbers of ranks, to the same bits."""
    job = ["train", "digits", "--epochs", "12", "--micro-batches", "8", "--batch", "64", "--network", "64 -> 256 relu -> 256 relu -> 10"]
    killed_and_resumed(job, range(4), "5steps", lambda: chance.randrange(5, 140))
    if DATA.is_dir():
        # A checkpoint after each step: most of the time one is being written.
        killed_and_resumed([*ADULT, *STREAMED], [0, 2], "1steps", lambda: chance.randrange(5, 60))


def killed_and_resumed(job, of_ranks, every, step):
    whole = trained(4, job)
    for rank in of_ranks:
        with tempfile.TemporaryDirectory() as folder:
            place = f"{folder}/run"
            process = subprocess.Popen(
                command(4, [*job, "--run", place, "--checkpoint-every", every, "--json"]),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
            )
            target, deadline = step(), time.monotonic() + 60
            while newest(place) < target and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            ranks = children(process.pid)
            assert len(ranks) == 4, (ranks, process.poll() is not None and process.communicate())
            os.kill(ranks[rank], signal.SIGKILL)
            seconds, _ = ended(process, time.monotonic(), f"rank {rank} was killed")
            assert not children(process.pid)
            for others in [1, 3]:
                shutil.rmtree(f"{folder}/again", ignore_errors=True)
                shutil.copytree(place, f"{folder}/again")
                found = done(run(others, ["train", "--resume", f"{folder}/again", "--json"]))["weights_sha256"]
                assert found == whole, f"{found} after rank {rank} was killed, on {others} ranks; {whole} at once"
        print(f"rank {rank} killed: all ended within {seconds:.1f} s; {whole[:8]} with 1 and with 3 ranks from there")


def stopped():
    """A rank that does not answer is named, and ends all."""
    job = ["train", "digits", "--epochs", "100000", "--micro-batches", "8", "--no-save"]
    for rank in [0, 2]:
        process = subprocess.Popen(
            command(3, job), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        time.sleep(4)
        ranks = children(process.pid)
        assert len(ranks) == 3, ranks
        since = time.monotonic()
        os.kill(ranks[rank], signal.SIGSTOP)
        try:
            seconds, (_, errors) = ended(process, since, f"rank {rank} was stopped")
        finally:
            for pid in ranks:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        assert f"rank {rank} has not answered" in errors, errors[-2000:]
        print(f"rank {rank} stopped: named and ended within {seconds:.1f} s")


def wrong():
    def refused(result, message, lines=1):
        assert result.returncode != 0, result
        said = [line for line in result.stderr.splitlines() if line.startswith("error:")]
        assert len(said) == lines and message in said[0], (message, result.stderr)

    refused(run(3, ["train", "digits", "--micro-batches", "2", "--no-save"]), "there are 3 ranks")
    refused(run(3, ["train", "digits", "--epochs", "0", "--no-save"]), "epochs")
    refused(run(2, ["train", "no-such-file.csv", "--micro-batches", "2", "--no-save"]), "no-such-file.csv")
    several = lambda first, second: subprocess.run(
        [f"mpirun.{MPI}", *OPTIONS, "-n", "1", *first, ":", *(OPTIONS if MPI == "openmpi" else []), "-n", "1", *second],
        capture_output=True, text=True, env=ENVIRONMENT, timeout=60,
    )
    job = ["train", "digits", "--micro-batches", "2", "--no-save", "--epochs", "1"]
    refused(several([PROGRAM, *job], [PROGRAM, *job, "--learning-rate", "0.1"]), "rank 1: options")
    with tempfile.TemporaryDirectory() as folder:
        table, other = f"{folder}/here.csv", f"{folder}/there.csv"
        text = "x,y\n" + "".join(f"{i * 7 % 12}.5,{'ab'[i % 2]}\n" for i in range(40))
        pathlib.Path(table).write_text(text)
        train = lambda path: [PROGRAM, "train", path, "--target", "y", "--micro-batches", "2", "--no-save", "--epochs", "1"]
        refused(several(train(table), train(other)), "rank 1:")
        pathlib.Path(other).write_text(text.replace("7.5,b", "8.5,b"))
        refused(several(train(table), train(other)), "rank 1: data")
        copy = f"{folder}/layerloop-mpi"
        shutil.copy(PROGRAM, copy)
        with open(copy, "ab") as program:
            program.write(b"other")
        refused(several([PROGRAM, *job], [copy, *job]), "rank 1: build of layerloop")
    print("what is wrong on one rank is said once, with its number")


def in_a_network(setup, ranks, arguments):
    """The command in a network of its own, whose only device is the loopback one."""
    script = f"ip link set lo up && {setup} exec " + '"$@"'
    return ["unshare", "-n", "sh", "-c", script, "sh", *command(ranks, arguments, network=True)]


def networks():
    """Slow, narrow, lossy networks change no bit."""
    if subprocess.run(["unshare", "-n", "ip", "link", "set", "lo", "up"], capture_output=True).returncode != 0:
        return print("NOT RUN: slow networks, which need root and networks of their own")
    alone = trained(1, DIGITS)
    # A narrow network; one with so short a queue that packets are lost; and what not every kernel has.
    narrow = ["tbf rate 50mbit burst 64kb latency 100ms", "tbf rate 50mbit burst 64kb limit 70000"]
    kinds = [*narrow, "netem delay 2ms", "netem delay 1ms loss 1%"]
    for setup in ["", *(f"tc qdisc add dev lo root {kind} &&" for kind in kinds)]:
        probe = subprocess.run(["unshare", "-n", "sh", "-c", f"ip link set lo up && {setup} true"], capture_output=True)
        if probe.returncode != 0:
            print(f"NOT RUN: {setup}, which this kernel has not: {probe.stderr.decode().strip()}")
            continue
        for ranks in [2, 4]:
            result = subprocess.run(
                in_a_network(setup, ranks, [*DIGITS, "--no-save", "--json"]),
                capture_output=True, text=True, env=ENVIRONMENT, timeout=300,
            )
            assert done(result)["weights_sha256"] == alone, setup
        print(f"{setup or 'TCP'}: the same bits on 2 and 4 ranks")


def cut():
    """A network that is cut ends the run."""
    if subprocess.run(["unshare", "-n", "ip", "link", "set", "lo", "up"], capture_output=True).returncode != 0:
        return print("NOT RUN: a network that is cut, which needs root and networks of its own")
    job = ["train", "digits", "--epochs", "100000", "--micro-batches", "8", "--no-save"]
    process = subprocess.Popen(
        in_a_network("{ (sleep 6; ip link set lo down) & } &&", 2, job),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, start_new_session=True,
    )
    time.sleep(6)
    ranks = children(process.pid)
    assert len(ranks) == 2, (ranks, process.poll() is not None and process.communicate())
    try:
        seconds, (_, errors) = ended(process, time.monotonic(), "the network was cut")
    finally:
        for pid in set(ranks) & set(children(process.pid)):
            os.kill(pid, signal.SIGKILL)
    assert "has not answered" in errors, errors[-2000:]
    print(f"a network that is cut: named and ended within {seconds:.1f} s")


if __name__ == "__main__":
    chance = random.Random(3)
    start = time.monotonic()
    # Which network MPICH takes is the business of the library that it was built with.
    for test in [one_hash, one_hash_of_rows_on_a_disk, wrong, lambda: killed(chance), stopped] + [networks, cut] * (MPI == "openmpi"):
        test()
    print(f"{MPI}: {time.monotonic() - start:.0f} s")
