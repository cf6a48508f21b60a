"""A request by each library, as a program: ``libraries.py PORTS…`` prints a line for each, with what came of it.

The first port of each pair is granted, the second is not.
"""
# mypy: ignore-errors

import asyncio
import json
import ssl
import sys

GIVEN = json.loads(sys.argv[1])
WANTED = sys.argv[2:]
SECURE = ssl.create_default_context(cafile=GIVEN["authority"])
LIBRARIES = {}


def library(function):
    """Add one: it is called with a port, and whether it is of TLS."""
    LIBRARIES[function.__name__] = function


def address(port, secure):
    return f"http{'s' if secure else ''}://localhost:{port}/path"


@library
def urllib(port, secure):
    import urllib.request

    return urllib.request.urlopen(address(port, secure), context=SECURE if secure else None, timeout=20).read()


@library
def http_client(port, secure):
    import http.client

    make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = make("localhost", port, timeout=20, **({"context": SECURE} if secure else {}))
    connection.request("GET", "/path")
    return connection.getresponse().read()


@library
def requests(port, secure):
    import requests

    return requests.get(address(port, secure), verify=GIVEN["authority"], timeout=20).content


@library
def urllib3(port, secure):
    import urllib3

    pool = urllib3.PoolManager(ca_certs=GIVEN["authority"], retries=False)
    return pool.request("GET", address(port, secure), timeout=20).data


@library
def httpx(port, secure):
    import httpx

    return httpx.get(address(port, secure), verify=SECURE, timeout=20).content


@library
def httpx_async(port, secure):
    import httpx

    async def get():
        async with httpx.AsyncClient(verify=SECURE, timeout=20) as client:
            found = await asyncio.gather(*(client.get(address(port, secure)) for _ in range(3)))
            return found[-1].content

    return asyncio.run(get())


@library
def aiohttp(port, secure):
    import aiohttp

    async def get():
        async with aiohttp.ClientSession() as session, session.get(address(port, secure), ssl=SECURE) as answer:
            return await answer.read()

    return asyncio.run(get())


@library
def streams(port, secure):
    async def get():
        reader, writer = await asyncio.open_connection("localhost", port, ssl=SECURE if secure else None)
        writer.write(b"GET /path HTTP/1.0\r\n\r\n")
        body = (await reader.read()).partition(b"\r\n\r\n")[2]
        writer.close()
        return body

    return asyncio.run(get())


@library
def websockets(port, secure):
    import websockets

    async def talk():
        async with websockets.connect(
            f"ws{'s' if secure else ''}://localhost:{port}", ssl=SECURE if secure else None
        ) as talker:
            await talker.send("/path")
            return (await talker.recv()).encode()

    return asyncio.run(talk())


@library
def redis(port, secure):
    import redis

    client = redis.Redis("localhost", port, socket_timeout=20)
    client.set("key", "/path")
    return client.get("key")


@library
def redis_async(port, secure):
    import redis.asyncio

    async def get():
        client = redis.asyncio.Redis(host="localhost", port=port)
        await client.set("key", "/path")
        try:
            return await client.get("key")
        finally:
            await client.aclose()

    return asyncio.run(get())


@library
def pg8000(port, secure):
    import pg8000.native

    with pg8000.native.Connection("someone", host="localhost", port=port, database="postgres", timeout=20) as connection:
        return connection.run("SELECT '/path'")[0][0].encode()


@library
def asyncpg(port, secure):
    import asyncio

    import asyncpg

    async def ask():
        connection = await asyncpg.connect(user="someone", host="localhost", port=port, database="postgres", timeout=20)
        try:
            return (await connection.fetchval("SELECT $1::text", "/path")).encode()
        finally:
            await connection.close()

    return asyncio.run(ask())


@library
def sqlalchemy(port, secure):
    import sqlalchemy

    engine = sqlalchemy.create_engine(f"postgresql+pg8000://someone@localhost:{port}/postgres")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("CREATE TEMPORARY TABLE t (x text)"))
        connection.execute(sqlalchemy.text("INSERT INTO t VALUES (:x)"), {"x": "/path"})
        return connection.execute(sqlalchemy.text("SELECT x FROM t")).scalar_one().encode()


@library
def pymysql(port, secure):
    import pymysql

    connection = pymysql.connect(host="localhost", port=port, user="someone", password="", connect_timeout=20)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT '/path'")
        return cursor.fetchone()[0].encode()


@library
def boto3(port, secure):
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3", endpoint_url=f"http://localhost:{port}", aws_access_key_id="x", aws_secret_access_key="y",
        region_name="us-east-1", config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
    )  # fmt: skip
    client.create_bucket(Bucket="bucket")
    client.put_object(Bucket="bucket", Key="key", Body=b"/path")
    return client.get_object(Bucket="bucket", Key="key")["Body"].read()


@library
def smtplib(port, secure):
    import smtplib
    from email.message import EmailMessage

    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@localhost", "b@localhost", "/path"
    with smtplib.SMTP("localhost", port, timeout=20) as client:
        client.send_message(message)
        return b"/path" if client.noop()[0] == 250 else b""


@library
def ftplib(port, secure):
    import ftplib

    with ftplib.FTP() as client:
        client.connect("localhost", port, timeout=20)
        client.login()
        parts = []
        client.retrbinary("RETR file", parts.append)
        return b"".join(parts)


def main():
    for name in WANTED:
        for secure, ports in enumerate(GIVEN[name]):
            if ports is None:
                continue
            for port in ports:
                try:
                    shown = LIBRARIES[name](port, bool(secure)).decode().strip()
                except Exception as error:
                    causes, at = [], error
                    while at is not None:
                        causes.append(str(at))
                        at = at.__cause__ or at.__context__
                    shown = f"{type(error).__name__}: {' / '.join(causes)}"
                print(json.dumps([name, bool(secure), port, shown]), flush=True)


main()
