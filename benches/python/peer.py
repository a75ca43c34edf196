"""Python's trio, asyncio and uvloop: `peer.py RUNTIME WORK [options]`, as the other programs have it."""

import argparse
import os
import resource
import socket
import sys
import time

YIELDING = 100
BRANCHES = 10


def lateness_of(count):
    begun = time.monotonic()
    window = 2_000 * count

    def moment(index):
        place = ((index * 0x9E3779B97F4A7C15) & (2**64 - 1)) >> 11
        return begun + (window / 2 + place % window) / 1e9

    return moment


def print_sleeps(cpu_ns, late):
    late = sorted(late)
    print("cpu_ns", cpu_ns)
    print("late_p50_ns", int(late[len(late) // 2] * 1e9))
    print("late_p99_ns", int(late[len(late) * 99 // 100] * 1e9))


def cpu_ns():
    return time.process_time_ns()


async def batches(arguments, batch):
    times = []
    for _ in range(arguments.batches):
        begun = time.perf_counter_ns()
        took = await batch(arguments.operations)
        times.append(took if took is not None else time.perf_counter_ns() - begun)
    print("ns", *times)


def listener():
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(128)
    return sock


def announce(sock):
    host, port = sock.getsockname()
    print(f"listening {host}:{port} pid {os.getpid()}", flush=True)


def resident():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("no resident size")


def with_trio(arguments):
    import trio

    live = 0

    async def echo():
        # serve_tcp would ask for the address first; this is the same with a socket at hand.
        sock = listener()
        server = trio.SocketListener(trio.socket.from_stdlib_socket(sock))

        async def answer(stream):
            while data := await stream.receive_some(arguments.buffer):
                await stream.send_all(data)

        announce(sock)
        await trio.serve_listeners(answer, [server])

    async def nothing():
        pass

    async def yields_of(count):
        for _ in range(count):
            await trio.lowlevel.checkpoint()

    async def spawn(children):
        async with trio.open_nursery() as nursery:
            for _ in range(children):
                nursery.start_soon(nothing)

    async def spawn_yielding(children):
        async with trio.open_nursery() as nursery:
            for _ in range(children):
                nursery.start_soon(trio.lowlevel.checkpoint)

    async def yields(count):
        async with trio.open_nursery() as nursery:
            for _ in range(YIELDING):
                nursery.start_soon(yields_of, count // YIELDING)

    async def ping_pong(items):
        ping, pings = trio.open_memory_channel(1)
        pong, pongs = trio.open_memory_channel(1)

        async def back():
            async with pong:
                async for item in pings:
                    await pong.send(item)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(back)
            async with ping:
                for item in range(items):
                    await ping.send(item)
                    assert await pongs.receive() == item

    async def producers(items):
        sender, receiver = trio.open_memory_channel(100)

        async def produce(sender):
            async with sender:
                for item in range(items // 4):
                    await sender.send(item)

        async with trio.open_nursery() as nursery:
            async with sender:
                for _ in range(4):
                    nursery.start_soon(produce, sender.clone())
            async for _ in receiver:
                pass

    async def timeouts(count):
        for _ in range(count):
            with trio.fail_after(10):
                await trio.lowlevel.checkpoint()

    async def sleeps():
        late = []
        before = cpu_ns()
        offset = trio.current_time() - time.monotonic()
        moment = lateness_of(arguments.operations)

        async def sleeper(index):
            await trio.sleep_until(moment(index) + offset)
            late.append(max(0.0, time.monotonic() - moment(index)))

        async with trio.open_nursery() as nursery:
            for index in range(arguments.operations):
                nursery.start_soon(sleeper, index)
        print_sleeps(cpu_ns() - before, late)

    async def branch(depth):
        nonlocal live
        live += 1
        try:
            if depth == 0:
                await trio.sleep_forever()
            async with trio.open_nursery() as nursery:
                for _ in range(BRANCHES):
                    nursery.start_soon(branch, depth - 1)
        finally:
            live -= 1

    async def cancel(_):
        depth = arguments.depth
        count = sum(BRANCHES**level for level in range(1, depth + 1)) + 1
        async with trio.open_nursery() as nursery:
            nursery.start_soon(branch, depth)
            while live < count:
                await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
            begun = time.perf_counter_ns()
            nursery.cancel_scope.cancel()
        assert live == 0
        return time.perf_counter_ns() - begun

    async def nest(depth, wake_ups):
        async with trio.open_nursery() as nursery:
            if depth > 1:
                nursery.start_soon(nest, depth - 1, wake_ups)
            else:
                nursery.start_soon(yields_of, wake_ups)

    async def to_thread(count):
        for _ in range(count):
            await trio.to_thread.run_sync(int)

    async def memory(child):
        before = resident()
        async with trio.open_nursery() as nursery:
            for _ in range(arguments.operations):
                nursery.start_soon(child)
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
            print_memory(resident() - before)
            nursery.cancel_scope.cancel()

    async def hour():
        await trio.sleep(3600)

    works = {
        "echo": echo,
        "spawn": lambda: batches(arguments, spawn),
        "spawn-yielding": lambda: batches(arguments, spawn_yielding),
        "yield": lambda: batches(arguments, yields),
        "ping-pong": lambda: batches(arguments, ping_pong),
        "producers": lambda: batches(arguments, producers),
        "sleeps": sleeps,
        "timeout": lambda: batches(arguments, timeouts),
        "cancel-tree": lambda: batches(arguments, cancel),
        "nested": lambda: batches(arguments, lambda count: nest(arguments.depth, count)),
        "to-thread": lambda: batches(arguments, to_thread),
        "parked": lambda: memory(trio.sleep_forever),
        "sleeping": lambda: memory(hour),
    }
    return works, trio.run


def print_memory(size, count=None):
    count = count or ARGUMENTS.operations
    print("allocated", size / count)
    print("resident", size / count)
    print("future", 0)


def with_asyncio(arguments, run):
    import asyncio

    if not hasattr(asyncio, "TaskGroup"):
        raise ImportError("asyncio has TaskGroup from Python 3.11 on")
    live = 0

    async def echo():
        async def answer(reader, writer):
            while data := await reader.read(arguments.buffer):
                writer.write(data)
                await writer.drain()

        sock = listener()
        server = await asyncio.start_server(answer, sock=sock)
        announce(sock)
        await server.serve_forever()

    async def nothing():
        pass

    async def yields_of(count):
        for _ in range(count):
            await asyncio.sleep(0)

    async def spawn(children):
        async with asyncio.TaskGroup() as group:
            for _ in range(children):
                group.create_task(nothing())

    async def spawn_yielding(children):
        async with asyncio.TaskGroup() as group:
            for _ in range(children):
                group.create_task(asyncio.sleep(0))

    async def yields(count):
        async with asyncio.TaskGroup() as group:
            for _ in range(YIELDING):
                group.create_task(yields_of(count // YIELDING))

    async def ping_pong(items):
        ping, pong = asyncio.Queue(1), asyncio.Queue(1)

        async def back():
            for _ in range(items):
                await pong.put(await ping.get())

        async with asyncio.TaskGroup() as group:
            group.create_task(back())
            for item in range(items):
                await ping.put(item)
                assert await pong.get() == item

    async def producers(items):
        queue = asyncio.Queue(100)

        async def produce():
            for item in range(items // 4):
                await queue.put(item)

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(produce())
            for _ in range(items):
                await queue.get()

    async def timeouts(count):
        for _ in range(count):
            async with asyncio.timeout(10):
                await asyncio.sleep(0)

    async def sleeps():
        late = []
        before = cpu_ns()
        moment = lateness_of(arguments.operations)

        async def sleeper(index):
            await asyncio.sleep(moment(index) - time.monotonic())
            late.append(max(0.0, time.monotonic() - moment(index)))

        async with asyncio.TaskGroup() as group:
            for index in range(arguments.operations):
                group.create_task(sleeper(index))
        print_sleeps(cpu_ns() - before, late)

    async def branch(depth):
        nonlocal live
        live += 1
        try:
            if depth == 0:
                await asyncio.Future()
            async with asyncio.TaskGroup() as group:
                for _ in range(BRANCHES):
                    group.create_task(branch(depth - 1))
        finally:
            live -= 1

    async def cancel(_):
        depth = arguments.depth
        count = sum(BRANCHES**level for level in range(1, depth + 1)) + 1
        root = asyncio.create_task(branch(depth))
        while live < count:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        begun = time.perf_counter_ns()
        root.cancel()
        try:
            await root
        except asyncio.CancelledError:
            pass
        assert live == 0
        return time.perf_counter_ns() - begun

    async def nest(depth, wake_ups):
        async with asyncio.TaskGroup() as group:
            if depth > 1:
                group.create_task(nest(depth - 1, wake_ups))
            else:
                group.create_task(yields_of(wake_ups))

    async def to_thread(count):
        for _ in range(count):
            await asyncio.to_thread(int)

    async def memory(child):
        before = resident()
        tasks = [asyncio.create_task(child()) for _ in range(arguments.operations)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        print_memory(resident() - before)
        sys.stdout.flush()
        for task in tasks:
            task.cancel()

    async def parked():
        await asyncio.Future()

    async def hour():
        await asyncio.sleep(3600)

    works = {
        "echo": echo,
        "spawn": lambda: batches(arguments, spawn),
        "spawn-yielding": lambda: batches(arguments, spawn_yielding),
        "yield": lambda: batches(arguments, yields),
        "ping-pong": lambda: batches(arguments, ping_pong),
        "producers": lambda: batches(arguments, producers),
        "sleeps": sleeps,
        "timeout": lambda: batches(arguments, timeouts),
        "cancel-tree": lambda: batches(arguments, cancel),
        "nested": lambda: batches(arguments, lambda count: nest(arguments.depth, count)),
        "to-thread": lambda: batches(arguments, to_thread),
        "parked": lambda: memory(parked),
        "sleeping": lambda: memory(hour),
    }
    return works, lambda main: run(main())


def main():
    global ARGUMENTS
    parser = argparse.ArgumentParser()
    parser.add_argument("runtime", choices=["trio", "asyncio", "uvloop"])
    parser.add_argument("work")
    for name, default in [("batches", 10), ("operations", 1000), ("depth", 1), ("buffer", 1024)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    ARGUMENTS = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if ARGUMENTS.runtime == "trio":
        works, run = with_trio(ARGUMENTS)
    elif ARGUMENTS.runtime == "asyncio":
        import asyncio

        works, run = with_asyncio(ARGUMENTS, asyncio.run)
    else:
        import uvloop

        works, run = with_asyncio(ARGUMENTS, uvloop.run)
    if ARGUMENTS.work == "list":
        print(*works, sep="\n")
    else:
        run(works[ARGUMENTS.work])


main()
