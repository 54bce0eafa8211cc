"""The store's tests over S3: moto with signatures and policies checked.

The tests themselves are test_store_contract's (tests/unit/store), the same as over files. DAYFLY_TEST_TOOLS is the
folder of that program, build/debug/tests by default."""
import json
import os
import pathlib
import subprocess

import boto3
import pytest

from lambda_fixtures import BUCKET

ROOT = pathlib.Path(__file__).parents[2]
TOOLS = pathlib.Path(os.environ.get("DAYFLY_TEST_TOOLS", ROOT / "build/debug/tests")).resolve()
CONTRACT = TOOLS / "test_store_contract"
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

pytestmark = pytest.mark.skipif(not CONTRACT.exists(), reason=f"{CONTRACT} is not built")


def contract(s3, prefix, **keys):
    """The finished test program, with the tests over s3:// among those it ran."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment.update(s3.environment(), DAYFLY_TEST_S3_URI=f"s3://{BUCKET}/{prefix}", **keys)
    return subprocess.run([CONTRACT], env=environment, capture_output=True, timeout=280, check=False, text=True)


def user(s3, name, policy):
    """Keys of a new user who may do what the policy says."""
    iam = s3.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": policy}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def head(dayfly, s3, uri, keys, status):
    """What the program says about an object that is not to be had."""
    environment = {**s3.environment(), **dict(zip(KEYS, keys))}
    words = ["funnel", uri, "--user", "u", "--time", "t", "--step", "a = 1"]
    return dayfly.run(*words, status=status, environment=environment).stderr


def test_the_store_does_on_s3_what_it_does_on_files(s3):
    done = contract(s3, "contract")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stderr.count("[  PASSED  ]") + done.stdout.count("[  PASSED  ]") == 3
    assert s3.keys_below("contract/") == [], "the tests left objects behind"
    assert "Uploads" not in s3.s3.list_multipart_uploads(Bucket=BUCKET), "an upload was neither completed nor aborted"


def test_a_session_token_is_sent_and_signed(s3, dayfly):
    allowed = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    key, secret = user(s3, "session", [allowed])
    sts = boto3.client("sts", endpoint_url=s3.url, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret)
    iam = s3.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{**allowed, "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    del trust["Statement"][0]["Resource"]
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="worker", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    given = sts.assume_role(RoleArn=role, RoleSessionName="one")["Credentials"]
    keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    # It gets as far as saying that there is no such object; with another token it does not.
    assert "nothing below it" in head(dayfly, s3, f"s3://{BUCKET}/session-absent", keys, 4)
    assert "AWS_SESSION_TOKEN" in head(dayfly, s3, f"s3://{BUCKET}/session-absent", (*keys[:2], "another"), 5)


def test_a_wrong_secret_is_not_taken_for_a_missing_permission(s3, dayfly):
    keys = s3.environment()
    message = head(dayfly, s3, f"s3://{BUCKET}/x", (keys["AWS_ACCESS_KEY_ID"], "wrong"), 5)
    assert "check AWS_ACCESS_KEY_ID" in message, message
    message = head(dayfly, s3, f"s3://{BUCKET}/x", ("AKIAUNKNOWN", "wrong"), 5)
    assert "check AWS_ACCESS_KEY_ID" in message, message


def test_a_missing_permission_is_told(s3, dayfly):
    keys = user(s3, "nobody", [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}])
    message = head(dayfly, s3, f"s3://{BUCKET}/x", keys, 5)
    assert "lack the permission" in message, message


def test_a_missing_bucket_is_told(s3, dayfly):
    environment = s3.environment()
    message = head(dayfly, s3, "s3://dayfly-absent/x", (environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]), 4)
    assert "check the bucket's name" in message, message
