#!/usr/bin/env bash
# Starts Tomcat with its examples (Debian's packages `tomcat10-user` and `tomcat10-examples`) for a
# test, with settings of its own.
#
#   scripts/tomcat.sh 127.0.0.1:9100 /some/new/folder
#
# Nothing outside the folder is written. It runs in the foreground (Java takes this process's place);
# it serves once the address answers. `access.log` in the folder has a line for each request.
#
# The examples have a part with a sign-in of their own: user `tomcat`, password `tomcat-password`.
set -euo pipefail

home=${CATALINA_HOME:-/usr/share/tomcat10}
examples=${TOMCAT_EXAMPLES:-/usr/share/tomcat10-examples/examples}
(($# == 2)) || {
  echo "usage: $0 ADDRESS:PORT FOLDER" >&2
  exit 2
}
for needed in "$home/skel/conf/web.xml" "$home/bin/bootstrap.jar" "$examples/index.html"; do
  [[ -f $needed ]] || {
    echo "$needed not found: install tomcat10-user and tomcat10-examples (make setup)" >&2
    exit 1
  }
done
mkdir -p "$2"
folder=$(cd "$2" && pwd)
host=${1%:*} port=${1##*:}

mkdir -p "$folder"/{conf/Catalina/localhost,logs,temp,webapps,work}
cp "$home"/skel/conf/{catalina.properties,context.xml,logging.properties,web.xml} "$folder/conf/"
cat >"$folder/conf/tomcat-users.xml" <<XML
<tomcat-users>
  <user username="tomcat" password="tomcat-password" roles="tomcat,role1"/>
</tomcat-users>
XML
cat >"$folder/conf/Catalina/localhost/examples.xml" <<XML
<Context path="/examples" docBase="$examples">
  <Resources allowLinking="true"/>
</Context>
XML
cat >"$folder/conf/server.xml" <<XML
<Server port="-1">
  <Listener className="org.apache.catalina.mbeans.GlobalResourcesLifecycleListener"/>
  <GlobalNamingResources>
    <Resource name="UserDatabase" type="org.apache.catalina.UserDatabase" readonly="true"
              factory="org.apache.catalina.users.MemoryUserDatabaseFactory"
              pathname="conf/tomcat-users.xml"/>
  </GlobalNamingResources>
  <Service name="Catalina">
    <Connector address="$host" port="$port" protocol="HTTP/1.1"/>
    <Engine name="Catalina" defaultHost="localhost">
      <Realm className="org.apache.catalina.realm.UserDatabaseRealm" resourceName="UserDatabase"/>
      <Host name="localhost" appBase="webapps">
        <Valve className="org.apache.catalina.valves.AccessLogValve" directory="$folder"
               prefix="access" suffix=".log" rotatable="false" buffered="false"
               pattern="%{Portcullis-Request-Id}i %m %U%q"/>
      </Host>
    </Engine>
  </Service>
</Server>
XML

cd "$folder"
exec java -Xshare:auto -XX:TieredStopAtLevel=1 -Djava.io.tmpdir="$folder/temp" \
  -Djava.awt.headless=true -Djava.util.logging.config.file="$folder/conf/logging.properties" \
  -Djava.util.logging.manager=org.apache.juli.ClassLoaderLogManager \
  -Dcatalina.home="$home" -Dcatalina.base="$folder" \
  -classpath "$home/bin/bootstrap.jar:$home/bin/tomcat-juli.jar" \
  org.apache.catalina.startup.Bootstrap start
