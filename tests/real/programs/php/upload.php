<?php
http_response_code(201);
$file = $_FILES['upload'];
echo $file['name'], ' has ', $file['size'], ' bytes';
