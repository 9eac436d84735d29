"""What is believed to be an answer of AWS, by the look of it."""

import pytest

from spotkeeper.aws.response_hooks import is_whole

XML = b'<?xml version="1.0"?>\n<DescribeTagsResponse xmlns="http://ec2"><tagSet/>'
PAGE = b"<html><head><title>Log in</title></head><body/></html>"


@pytest.mark.parametrize("protocol", ["ec2", "query"])
def test_an_answer_in_xml_is_one_element_named_after_a_response(protocol: str) -> None:
    assert is_whole(XML + b"</DescribeTagsResponse>\n", protocol)
    assert is_whole(b"<DescribeTagsResponse/>", protocol)
    assert not is_whole(XML, protocol)
    assert not is_whole(PAGE, protocol)
    assert not is_whole(b"", protocol)


@pytest.mark.parametrize("protocol", ["json", "rest-json"])
def test_an_answer_in_json_is_one_object(protocol: str) -> None:
    assert is_whole(b'{"Parameter": {"Value": "ami-1"}}\n', protocol)
    assert is_whole(b"{}", protocol)
    assert not is_whole(b'{"Parameter": {"Val', protocol)
    assert not is_whole(PAGE, protocol)
    assert not is_whole(b"", protocol)
